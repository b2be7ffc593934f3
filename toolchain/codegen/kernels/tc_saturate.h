/* Real numbers to stored integers: saturate(round(v) + zero_point). */
#ifndef TC_SATURATE_H
#define TC_SATURATE_H

#include "tc_base.h"

/* How integers of at most 16 bits are made; low and high are kept. */
typedef struct {
    tc_type type;
    tc_rounding rounding;
    int32_t zero_point;
    int32_t low;
    int32_t high;
} tc_grid;

/* y[i] = saturate(round(values[i]) + zero_point); a NaN becomes low. */
void tc_saturate(const float *values, int32_t count, const tc_grid *grid, void *y);

/* round(value * 2**-shift), exact; |value| < 2**62, shift <= 62, below 0 it multiplies. */
int64_t tc_shift(int64_t value, int32_t shift, tc_rounding rounding);

/* y[i] = saturate(values[i] + zero_point), the values being rounded already; also to int32. */
void tc_store(const int64_t *values, int32_t count, const tc_grid *grid, void *y);

#endif
