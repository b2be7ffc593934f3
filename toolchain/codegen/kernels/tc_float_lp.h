/* LpNormalization of float32: elements divided by the norm of their run. */
#ifndef TC_FLOAT_LP_H
#define TC_FLOAT_LP_H

#include "tc_base.h"

typedef struct {
    int32_t outer;  /* runs along the axis: outer * inner of them, */
    int32_t length; /* each of this many elements, */
    int32_t inner;  /* that are this far apart */
    int32_t order;  /* 1: sum of magnitudes, 2: root of the sum of squares */
} tc_float_lp_params;

void tc_float_lp(const tc_float_lp_params *p, const void *x, void *y);

#endif
