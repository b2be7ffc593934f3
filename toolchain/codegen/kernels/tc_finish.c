#include "tc_finish.h"

/*
 * round(total * significand * 2**-shift), kept within the bounds. With a constant rounding the
 * loops become vectors; totals of 32 bits make products that vectors have an instruction for.
 */
#define TC_EXACT_STEPS(TOTAL)                                                                      \
    static inline void steps_of_##TOTAL(const TOTAL *restrict totals,                              \
                                        const int32_t *restrict significand,                       \
                                        const int8_t *restrict shift, int32_t count,               \
                                        tc_rounding rounding, int64_t *restrict steps)             \
    {                                                                                              \
        for (int32_t i = 0; i < count; i++) {                                                      \
            steps[i] = tc_shift((int64_t)totals[i] * significand[i], shift[i], rounding);          \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void exact_##TOTAL(const tc_finish_params *p, const TOTAL *totals, int32_t first,       \
                              int32_t count, void *y)                                              \
    {                                                                                              \
        const int32_t *m = p->significand + first;                                                 \
        const int8_t *s = p->shift + first;                                                        \
        int64_t steps[TC_COLUMNS];                                                                 \
        if (p->grid.rounding == TC_HALF_EVEN) {                                                    \
            steps_of_##TOTAL(totals, m, s, count, TC_HALF_EVEN, steps);                            \
        } else if (p->grid.rounding == TC_HALF_UP) {                                               \
            steps_of_##TOTAL(totals, m, s, count, TC_HALF_UP, steps);                              \
        } else {                                                                                   \
            steps_of_##TOTAL(totals, m, s, count, TC_HALF_AWAY, steps);                            \
        }                                                                                          \
        tc_store(steps, count, &p->grid, y);                                                       \
    }

TC_EXACT_STEPS(int32_t)
TC_EXACT_STEPS(int64_t)

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
        exact_int64_t(p, totals, first, count, y);
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
 * the bounds are integers.
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
            y[i] = (TYPE)(tc_nearest(v) + zero_point);                                             \
        }                                                                                          \
    }

TC_FINISH_BYTES(int8_t)
TC_FINISH_BYTES(uint8_t)

void tc_finish(const tc_finish_params *p, const int32_t *sums, int32_t first, int32_t count,
               void *y)
{
    const int32_t *bias = p->bias + first;
    if (p->factor == NULL && p->guard_bits == 0) {
        int32_t totals[TC_COLUMNS];
        for (int32_t i = 0; i < count; i++) {
            totals[i] = sums[i] + bias[i];
        }
        exact_int32_t(p, totals, first, count, y);
        return;
    }
    if (p->guard_bits != 0) {
        int64_t wide[TC_COLUMNS];
        for (int32_t i = 0; i < count; i++) {
            wide[i] = sums[i];
        }
        tc_finish_wide(p, wide, first, count, y);
        return;
    }
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
