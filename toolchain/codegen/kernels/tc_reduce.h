/* One element from all that lie along some axes: sums, extremes, and where extremes are. */
#ifndef TC_REDUCE_H
#define TC_REDUCE_H

#include "tc_loops.h"
#include "tc_scale.h"

typedef enum { TC_REDUCE_SUM, TC_REDUCE_MAX, TC_REDUCE_MIN } tc_reduce_kind;

typedef struct {
    tc_reduce_kind kind;
    tc_type x_type;
    int32_t x_zero_point;
    tc_scale_params scale;
    tc_loops kept;    /* operand: x; y is written element after element */
    tc_loops reduced; /* operand: x */
} tc_reduce_params;

void tc_reduce(const tc_reduce_params *p, const void *x, void *y);

typedef struct {
    int32_t smallest; /* not the largest */
    int32_t last;     /* of equal elements, not the first */
    tc_type x_type;
    int32_t length; /* of the axis */
    int32_t step;   /* from one of its elements to the next */
    tc_loops kept;  /* operand: x; y is written element after element */
} tc_arg_extreme_params;

/* y holds indices of 64 bits */
void tc_arg_extreme(const tc_arg_extreme_params *p, const void *x, void *y);

#endif
