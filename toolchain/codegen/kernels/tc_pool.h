/* Largest or mean element of windows of integers, channels last. */
#ifndef TC_POOL_H
#define TC_POOL_H

#include "tc_scale.h"
#include "tc_window.h"

typedef struct {
    tc_window window;
    tc_type x_type;
    int32_t is_mean;
    int32_t x_zero_point;      /* means only, as all below */
    int32_t pad_end[TC_SPATIAL];
    int32_t count_include_pad; /* windows divide by elements in the padding, too */
    float factor;              /* before the division by the count */
    tc_scale_params scale;     /* exact factors; the grid */
} tc_pool_params;

void tc_pool(const tc_pool_params *p, const void *x, void *y);

#endif
