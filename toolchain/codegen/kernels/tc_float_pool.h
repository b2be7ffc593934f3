/* Largest or mean element of windows, row-major; the largest of integers, too. */
#ifndef TC_FLOAT_POOL_H
#define TC_FLOAT_POOL_H

#include "tc_window.h"

typedef struct {
    tc_window window;
    tc_type type; /* of x and y */
    int32_t is_mean;
    int32_t pad_end[TC_SPATIAL]; /* of means */
    int32_t count_include_pad;   /* means divide by elements in the padding, too */
} tc_float_pool_params;

void tc_float_pool(const tc_float_pool_params *p, const void *x, void *y);

#endif
