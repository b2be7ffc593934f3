#include "tc_finish.h"

static void finish_exact(const tc_finish_params *p, const int64_t *totals, int32_t first,
                         int32_t count, void *y)
{
    int64_t steps[TC_COLUMNS];
    for (int32_t i = 0; i < count; i++) {
        const int64_t product = totals[i] * (int64_t)p->significand[first + i];
        steps[i] = tc_shift(product, p->shift[first + i], p->grid.rounding);
    }
    tc_store(steps, count, &p->grid, y);
}

static void finish_real(const tc_finish_params *p, float *values, int32_t first, int32_t count,
                        void *y)
{
    const float *factor = p->factor + first;
    for (int32_t i = 0; i < count; i++) {
        values[i] *= factor[i];
    }
    tc_finish_total(p, values, count, y);
}

void tc_finish_total(const tc_finish_params *p, const float *totals, int32_t count, void *y)
{
    if (p->grid.type != TC_FLOAT32) {
        tc_saturate(totals, count, &p->grid, y);
        return;
    }
    float *result = (float *)y;
    for (int32_t i = 0; i < count; i++) {
        float v = totals[i];
        v = v < p->float_low ? p->float_low : v;
        result[i] = v > p->float_high ? p->float_high : v;
    }
}

void tc_finish_wide(const tc_finish_params *p, const int64_t *sums, int32_t first, int32_t count,
                    void *y)
{
    int64_t totals[TC_COLUMNS];
    for (int32_t i = 0; i < count; i++) {
        const int64_t bias = p->bias != NULL ? p->bias[first + i] : 0;
        totals[i] = sums[i] * (INT64_C(1) << p->guard_bits) + bias;
    }
    if (p->factor == NULL) {
        finish_exact(p, totals, first, count, y);
        return;
    }
    float values[TC_COLUMNS];
    for (int32_t i = 0; i < count; i++) {
        values[i] = (float)totals[i];
    }
    finish_real(p, values, first, count, y);
}

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
    float values[TC_COLUMNS];
    if (p->bias == NULL) {
        for (int32_t i = 0; i < count; i++) {
            values[i] = (float)sums[i];
        }
    } else {
        const int32_t *bias = p->bias + first;
        for (int32_t i = 0; i < count; i++) {
            values[i] = (float)(sums[i] + bias[i]);
        }
    }
    finish_real(p, values, first, count, y);
}
