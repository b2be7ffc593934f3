/* Softmax of 8-bit integers along one axis, with integer exponentials. */
#ifndef TC_SOFTMAX_H
#define TC_SOFTMAX_H

#include "tc_saturate.h"

typedef struct {
    int32_t outer;  /* runs along the axis: outer * inner of them, */
    int32_t length; /* each of this many elements, */
    int32_t inner;  /* that are this far apart */
    tc_type x_type;
    const int32_t *exponentials; /* of the distances 0 .. 255 from the largest element */
    float factor;
    tc_grid grid;
} tc_softmax_params;

void tc_softmax(const tc_softmax_params *p, const void *x, void *y);

#endif
