/* Accumulators of sums of products to outputs: bias, factor, rounding, saturation. */
#ifndef TC_FINISH_H
#define TC_FINISH_H

#include "tc_saturate.h"

/* Columns of the blocks in which accumulators are computed. */
enum { TC_COLUMNS = 64 };

/*
 * What becomes of an accumulator: y = saturate(round(((sum << guard_bits) + bias) * factor) +
 * zero_point). Everything but the grid is an array with one number for each column.
 */
typedef struct {
    const int32_t *bias;
    const float *factor;        /* 0 for exact factors */
    const int32_t *significand; /* exact factors: significand * 2**-shift */
    const int8_t *shift;
    int32_t guard_bits;
    tc_grid grid; /* type TC_FLOAT32: no rounding, clamped to [float_low, float_high] */
    float float_low;
    float float_high;
} tc_finish_params;

/* Columns first .. first + count - 1 (count <= TC_COLUMNS) of one row to y, their place. */
void tc_finish(const tc_finish_params *p, const int32_t *sums, int32_t first, int32_t count,
               void *y);

/* The same for sums that need 64 bits. */
void tc_finish_wide(const tc_finish_params *p, const int64_t *sums, int32_t first, int32_t count,
                    void *y);

/* Float32 totals that have their bias and are multiplied already. */
void tc_finish_total(const tc_finish_params *p, const float *totals, int32_t count, void *y);

#endif
