#include "tc_float_lp.h"

#include <math.h>

/* One run; y may be x. */
static void normalize(const tc_float_lp_params *p, const float *x, float *y)
{
    const ptrdiff_t step = p->inner;
    float norm = 0;
    for (int32_t i = 0; i < p->length; i++) {
        const float v = x[i * step];
        norm += p->order == 2 ? v * v : v < 0 ? -v : v;
    }
    if (p->order == 2) {
        norm = sqrtf(norm);
    }
    for (int32_t i = 0; i < p->length; i++) {
        y[i * step] = norm == 0 ? 0 : x[i * step] / norm;
    }
}

void tc_float_lp(const tc_float_lp_params *p, const void *x, void *y)
{
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            const ptrdiff_t at = (ptrdiff_t)outer * p->length * p->inner + inner;
            normalize(p, (const float *)x + at, (float *)y + at);
        }
    }
}
