#include "tc_float_lrn.h"

#include "tc_elementary.h"

/* All channels at one place. */
static void normalize(const tc_float_lrn_params *p, const float *x, float *y)
{
    const ptrdiff_t step = p->inner;
    const float factor = p->alpha / (float)p->size;
    for (int32_t c = 0; c < p->channels; c++) {
        const int32_t first = c - (p->size - 1) / 2;
        const int32_t end = tc_min(first + p->size, p->channels);
        float total = 0;
        for (int32_t i = tc_max(first, 0); i < end; i++) {
            total += x[i * step] * x[i * step];
        }
        const float share = factor * total;
        y[c * step] = x[c * step] / tc_pow(p->bias + share, p->beta);
    }
}

void tc_float_lrn(const tc_float_lrn_params *p, const void *x, void *y)
{
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            const ptrdiff_t at = (ptrdiff_t)outer * p->channels * p->inner + inner;
            normalize(p, (const float *)x + at, (float *)y + at);
        }
    }
}
