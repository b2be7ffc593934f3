/* Sums, products and extrema of float32 over any axes; integers where they are not divided. */
#ifndef TC_FLOAT_REDUCE_H
#define TC_FLOAT_REDUCE_H

#include "tc_loops.h"

typedef enum {
    TC_FOLD_SUM,
    TC_FOLD_PROD,
    TC_FOLD_MAX,
    TC_FOLD_MIN,
    TC_FOLD_MEAN, /* float32 only, as all below */
    TC_FOLD_L1,
    TC_FOLD_L2,
    TC_FOLD_SUM_SQUARE,
    TC_FOLD_LOG_SUM_EXP
} tc_fold_kind;

typedef struct {
    tc_fold_kind kind;
    tc_type type;     /* of x and y; integers wrap */
    int32_t count;    /* elements that become one */
    tc_loops kept;    /* operands: x, y; the innermost one runs through neighbours of y */
    tc_loops reduced; /* operand: x; the order in which elements are taken */
} tc_float_reduce_params;

void tc_float_reduce(const tc_float_reduce_params *p, const void *x, void *y);

#endif
