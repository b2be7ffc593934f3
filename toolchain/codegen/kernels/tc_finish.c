#include "tc_finish.h"

/* With a constant rounding the loop becomes vectors. */
static inline void shift_all(const int64_t *restrict totals, const int32_t *restrict significand,
                             const int8_t *restrict shift, int32_t count, tc_rounding rounding,
                             int64_t *restrict steps)
{
    for (int32_t i = 0; i < count; i++) {
        steps[i] = tc_shift(totals[i] * (int64_t)significand[i], shift[i], rounding);
    }
}

static void finish_exact(const tc_finish_params *p, const int64_t *totals, int32_t first,
                         int32_t count, void *y)
{
    const int32_t *significand = p->significand + first;
    const int8_t *shift = p->shift + first;
    int64_t steps[TC_COLUMNS];
    switch (p->grid.rounding) {
    case TC_HALF_EVEN:
        shift_all(totals, significand, shift, count, TC_HALF_EVEN, steps);
        break;
    case TC_HALF_UP:
        shift_all(totals, significand, shift, count, TC_HALF_UP, steps);
        break;
    case TC_HALF_AWAY:
        shift_all(totals, significand, shift, count, TC_HALF_AWAY, steps);
        break;
    }
    tc_store(steps, count, &p->grid, y);
}

void tc_finish_total(const tc_finish_params *p, const float *totals, int32_t count, void *y)
{
    if (p->grid.type != TC_FLOAT32) {
        tc_saturate(totals, count, &p->grid, y);
        return;
    }
    float *result = (float *)y;
    for (int32_t i = 0; i < count; i++) {
        const float v = totals[i] < p->float_low ? p->float_low : totals[i];
        result[i] = v > p->float_high ? p->float_high : v;
    }
}

void tc_finish_wide(const tc_finish_params *p, const int64_t *sums, int32_t first, int32_t count,
                    void *y)
{
    int64_t totals[TC_COLUMNS];
    for (int32_t i = 0; i < count; i++) {
        totals[i] = sums[i] * (INT64_C(1) << p->guard_bits) + p->bias[first + i];
    }
    if (p->factor == NULL) {
        finish_exact(p, totals, first, count, y);
        return;
    }
    float values[TC_COLUMNS];
    for (int32_t i = 0; i < count; i++) {
        values[i] = (float)totals[i] * p->factor[first + i];
    }
    tc_finish_total(p, values, count, y);
}

/*
 * The usual case in one loop: 8 bits, ties to even. Clamping before rounding is the same, because
 * the bounds are integers; adding 1.5 * 2**23 leaves no fraction bits.
 */
#define TC_FINISH_BYTES(TYPE)                                                                      \
    static void finish_##TYPE(const int32_t *restrict sums, const int32_t *restrict bias,          \
                              const float *restrict factor, const tc_grid *restrict grid,          \
                              int32_t count, TYPE *restrict y)                                     \
    {                                                                                              \
        const int32_t zero_point = grid->zero_point;                                               \
        const float low = (float)(grid->low - zero_point);                                         \
        const float high = (float)(grid->high - zero_point);                                       \
        for (int32_t i = 0; i < count; i++) {                                                      \
            float v = (float)(sums[i] + bias[i]) * factor[i];                                      \
            v = v > low ? v : low;                                                                 \
            v = v < high ? v : high;                                                               \
            y[i] = (TYPE)((int32_t)((v + 12582912.0f) - 12582912.0f) + zero_point);                \
        }                                                                                          \
    }

TC_FINISH_BYTES(int8_t)
TC_FINISH_BYTES(uint8_t)

void tc_finish(const tc_finish_params *p, const int32_t *sums, int32_t first, int32_t count,
               void *y)
{
    if (p->factor == NULL || p->guard_bits != 0) {
        int64_t wide[TC_COLUMNS];
        for (int32_t i = 0; i < count; i++) {
            wide[i] = sums[i];
        }
        tc_finish_wide(p, wide, first, count, y);
        return;
    }
    const int32_t *bias = p->bias + first;
    const float *factor = p->factor + first;
    if (p->grid.type == TC_INT8 && p->grid.rounding == TC_HALF_EVEN) {
        finish_int8_t(sums, bias, factor, &p->grid, count, (int8_t *)y);
    } else if (p->grid.type == TC_UINT8 && p->grid.rounding == TC_HALF_EVEN) {
        finish_uint8_t(sums, bias, factor, &p->grid, count, (uint8_t *)y);
    } else {
        float values[TC_COLUMNS];
        for (int32_t i = 0; i < count; i++) {
            values[i] = (float)(sums[i] + bias[i]) * factor[i];
        }
        tc_finish_total(p, values, count, y);
    }
}
