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

/*
 * round(value * 2**-shift), exact; |value| < 2**62, shift <= 62, below 0 it multiplies. Without
 * branches, so that loops over it become vectors.
 */
static inline int64_t tc_shift(int64_t value, int32_t shift, tc_rounding rounding)
{
    const int32_t right = shift > 0 ? shift : 0;
    const int64_t step = INT64_C(1) << right;
    const int64_t below = value >> right;
    const uint64_t twice_rest = (uint64_t)(value & (step - 1)) * 2;
    const int is_tie = twice_rest == (uint64_t)step;
    const int tie_goes_up = rounding == TC_HALF_UP || (rounding == TC_HALF_EVEN && (below & 1)) ||
                            (rounding == TC_HALF_AWAY && value >= 0);
    const int64_t rounded = below + ((twice_rest > (uint64_t)step) | (is_tie & tie_goes_up));
    return rounded * (INT64_C(1) << (right - shift));
}

/* y[i] = saturate(values[i] + zero_point), the values being rounded already; also to int32. */
void tc_store(const int64_t *values, int32_t count, const tc_grid *grid, void *y);

#endif
