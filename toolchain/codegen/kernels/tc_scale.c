#include "tc_scale.h"

#define TC_SCALE_VALUES                                                                            \
    if (p->exact) {                                                                                \
        int64_t steps[TC_CHUNK];                                                                   \
        for (int32_t i = 0; i < count; i++) {                                                      \
            steps[i] = tc_shift(values[i] * (int64_t)p->significand, p->shift, p->grid.rounding);  \
        }                                                                                          \
        tc_store(steps, count, &p->grid, y);                                                       \
    } else {                                                                                       \
        float real[TC_CHUNK];                                                                      \
        for (int32_t i = 0; i < count; i++) {                                                      \
            real[i] = (float)values[i] * p->factor;                                                \
        }                                                                                          \
        tc_saturate(real, count, &p->grid, y);                                                     \
    }

void tc_scale(const tc_scale_params *p, const int64_t *values, int32_t count, void *y)
{
    TC_SCALE_VALUES
}

void tc_scale32(const tc_scale_params *p, const int32_t *values, int32_t count, void *y)
{
    TC_SCALE_VALUES
}
