/* Sums, products and extrema of float32 over any axes; integers where they are not divided. */
#ifndef TC_FLOAT_REDUCE_H
#define TC_FLOAT_REDUCE_H

#include "tc_loops.h"

typedef enum {
    TC_REDUCE_SUM,
    TC_REDUCE_PROD,
    TC_REDUCE_MAX,
    TC_REDUCE_MIN,
    TC_REDUCE_MEAN, /* float32 only, as all below */
    TC_REDUCE_L1,
    TC_REDUCE_L2,
    TC_REDUCE_SUM_SQUARE,
    TC_REDUCE_LOG_SUM_EXP
} tc_reduction;

typedef struct {
    tc_reduction kind;
    tc_type type;     /* of x and y; integers wrap */
    int32_t count;    /* elements that become one */
    tc_loops kept;    /* operands: x, y */
    tc_loops reduced; /* operand: x; the order in which elements are taken */
} tc_float_reduce_params;

void tc_float_reduce(const tc_float_reduce_params *p, const void *x, void *y);

#endif
