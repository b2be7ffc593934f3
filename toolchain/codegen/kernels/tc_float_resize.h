/* Resize of float32 along one axis: weighted sums of a few elements. */
#ifndef TC_FLOAT_RESIZE_H
#define TC_FLOAT_RESIZE_H

#include "tc_base.h"

typedef struct {
    int32_t outer;
    int32_t in;    /* elements of x along the axis, */
    int32_t out;   /* and of y; */
    int32_t inner; /* they are this far apart */
    int32_t taps;  /* elements in a sum, 2 or more */
    const int32_t *positions; /* [out][taps], within x */
    const float *weights;     /* the same */
} tc_float_resize_params;

/* y = (x0 * w0 + x1 * w1) + ..., from the left, beginning with the first product. */
void tc_float_resize(const tc_float_resize_params *p, const void *x, void *y);

#endif
