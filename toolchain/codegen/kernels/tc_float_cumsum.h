/* Partial sums along one axis, each one addition to the last. */
#ifndef TC_FLOAT_CUMSUM_H
#define TC_FLOAT_CUMSUM_H

#include "tc_base.h"

typedef struct {
    tc_type type;   /* integers wrap */
    int32_t outer;  /* runs along the axis: outer * inner of them, */
    int32_t length; /* each of this many elements, */
    int32_t inner;  /* that are this far apart */
    int32_t reverse;
    int32_t exclusive; /* without the element itself */
} tc_float_cumsum_params;

void tc_float_cumsum(const tc_float_cumsum_params *p, const void *x, void *y);

#endif
