/* Index of the largest or smallest element along one axis, row-major. */
#ifndef TC_FLOAT_ARG_H
#define TC_FLOAT_ARG_H

#include "tc_base.h"

typedef struct {
    tc_type type;
    int32_t outer;  /* runs along the axis: outer * inner of them, */
    int32_t length; /* each of this many elements, */
    int32_t inner;  /* that are this far apart */
    int32_t smallest;
    int32_t select_last; /* of equals the last one */
} tc_float_arg_params;

/* y holds one int64 for each run; a NaN comes before all numbers. */
void tc_float_arg(const tc_float_arg_params *p, const void *x, void *y);

#endif
