/* One factor above the zero point, another for each element below it (PRelu). */
#ifndef TC_SLOPE_H
#define TC_SLOPE_H

#include "tc_loops.h"
#include "tc_saturate.h"

typedef struct {
    tc_type x_type;
    int32_t x_zero_point;
    float factor;
    const float *negative;
    tc_grid grid;
    tc_loops loops; /* operands: negative, x and y */
} tc_slope_params;

void tc_slope(const tc_slope_params *p, const void *x, void *y);

#endif
