/* Real numbers to stored integers: saturate(round(v) + zero_point). */
#ifndef TC_SATURATE_H
#define TC_SATURATE_H

#include <string.h>

#include "tc_base.h"

/* How integers of at most 16 bits are made; low and high are kept. */
typedef struct {
    tc_type type;
    tc_rounding rounding;
    int32_t zero_point;
    int32_t low;
    int32_t high;
} tc_grid;

/*
 * v to the nearest integer, ties to even; |v| < 2**22. Adding 1.5 * 2**23 leaves no fraction bits,
 * and the integer in the lowest ones. A conversion would not be quicker, and of vectors it is one
 * that QEMU 7.2 cannot translate at the beginning of a block.
 */
static inline int32_t tc_nearest(float v)
{
    const float sum = v + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &sum, sizeof(bits));
    return bits - 0x4B400000;
}

/* y[i] = saturate(round(values[i]) + zero_point); a NaN becomes low. */
void tc_saturate(const float *values, int32_t count, const tc_grid *grid, void *y);

/*
 * round(value * 2**-shift), exact; |value| < 2**62, shift <= 62, below 0 it multiplies. The half is
 * added before the shift, less 1 where a tie goes down. Without branches and in 64 bits only, so
 * that loops over it become vectors.
 */
static inline int64_t tc_shift(int64_t value, int32_t shift, tc_rounding rounding)
{
    const int64_t right = shift > 0 ? shift : 0;
    const int64_t half = (INT64_C(1) << right) >> 1;
    const int64_t fraction = half != 0 ? -1 : 0; /* all bits, if there is anything to round */
    int64_t tie = 0;
    if (rounding == TC_HALF_EVEN) {
        tie = (((value >> right) & 1) - 1) & fraction;
    } else if (rounding == TC_HALF_AWAY) {
        tie = (value >> 63) & fraction;
    }
    return (int64_t)((uint64_t)((value + half + tie) >> right) << (right - shift));
}

/* y[i] = saturate(values[i] + zero_point), the values being rounded already; also to int32. */
void tc_store(const int64_t *values, int32_t count, const tc_grid *grid, void *y);

#endif
