/* Layer, instance, group and RMS normalization of integers. */
#ifndef TC_NORMALIZE_H
#define TC_NORMALIZE_H

#include "tc_loops.h"
#include "tc_saturate.h"

/* Elements are cut into runs; each is normalized by its own mean and variance. */
typedef struct {
    tc_type x_type;
    int32_t x_zero_point;
    int32_t length;  /* elements of a run */
    int32_t centred; /* 0: their mean counts as 0 */
    double epsilon;  /* in squares of steps of x, times length squared */
    const float *gain;
    const float *offset; /* 0: none */
    tc_grid grid;
    tc_loops runs;     /* operands: gain, offset, x and y */
    tc_loops elements; /* of one run, alike */
} tc_normalize_params;

void tc_normalize(const tc_normalize_params *p, const void *x, void *y);

#endif
