/* Any function of an element of 16 bits, for which a table would be too long. */
#ifndef TC_FUNCTION_H
#define TC_FUNCTION_H

#include "tc_elementary.h"
#include "tc_saturate.h"

typedef struct {
    int32_t count;
    tc_type x_type;
    int32_t x_zero_point;
    float x_scale;
    tc_elementary function;
    float y_scale;
    tc_grid grid;
} tc_function_params;

/* y = saturate(round(f((x - x_zero_point) * x_scale) / y_scale) + zero_point), NaN taken as 0 */
void tc_function(const tc_function_params *p, const void *x, void *y);

#endif
