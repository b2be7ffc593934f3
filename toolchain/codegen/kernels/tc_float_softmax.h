/* Softmax and LogSoftmax of float32 along one axis. */
#ifndef TC_FLOAT_SOFTMAX_H
#define TC_FLOAT_SOFTMAX_H

#include "tc_base.h"

typedef struct {
    int32_t outer;  /* runs along the axis: outer * inner of them, */
    int32_t length; /* each of this many elements, */
    int32_t inner;  /* that are this far apart */
    int32_t logarithm;
} tc_float_softmax_params;

/* y may be x, but for logarithms. */
void tc_float_softmax(const tc_float_softmax_params *p, const void *x, void *y);

#endif
