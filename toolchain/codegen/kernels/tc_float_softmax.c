#include "tc_float_softmax.h"

#include <math.h>

#include "tc_series.h"

/* Elements compared, and runs summed, side by side. */
enum { LANES = 16, RUNS = 8 };

/*
 * Largest element of a run. The order does not matter here, nor do NaNs: with one the sum is NaN,
 * and so is every result.
 */
static float largest_of(const tc_float_softmax_params *p, const float *x)
{
    const ptrdiff_t step = p->inner;
    float largest[LANES];
    for (int32_t j = 0; j < LANES; j++) {
        largest[j] = -INFINITY;
    }
    int32_t i = 0;
    for (; i + LANES <= p->length; i += LANES) {
        for (int32_t j = 0; j < LANES; j++) {
            const float v = x[(i + j) * step];
            largest[j] = v > largest[j] ? v : largest[j];
        }
    }
    for (; i < p->length; i++) {
        largest[0] = x[i * step] > largest[0] ? x[i * step] : largest[0];
    }
    for (int32_t j = 1; j < LANES; j++) {
        largest[0] = largest[j] > largest[0] ? largest[j] : largest[0];
    }
    return largest[0];
}

/* y = Exp(x - largest) for one run */
static void exponentials(const tc_float_softmax_params *p, const float *x, float largest, float *y)
{
    const ptrdiff_t step = p->inner;
    float values[TC_CHUNK];
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        const float *from = x + first * step;
        float *to = y + first * step;
        for (int32_t i = 0; i < count; i++) {
            values[i] = from[i * step] - largest;
        }
        for (int32_t i = 0; i < count; i++) {
            values[i] = (float)tc_exp((double)values[i]);
        }
        for (int32_t i = 0; i < count; i++) {
            to[i * step] = values[i];
        }
    }
}

/* Ordered sums of some runs, which are `apart` elements apart. */
static void sums(const tc_float_softmax_params *p, const float *y, int32_t count, ptrdiff_t apart,
                 float *total)
{
    for (int32_t r = 0; r < count; r++) {
        total[r] = 0;
    }
    for (int32_t i = 0; i < p->length; i++, y += p->inner) {
        for (int32_t r = 0; r < count; r++) {
            total[r] += y[r * apart];
        }
    }
}

/* Results of one run; y holds the exponentials. */
static void finish(const tc_float_softmax_params *p, const float *x, float largest, float total,
                   float *y)
{
    const ptrdiff_t step = p->inner;
    if (!p->logarithm) {
        for (int32_t i = 0; i < p->length; i++) {
            y[i * step] = y[i * step] / total;
        }
        return;
    }
    const float logarithm = (float)tc_log((double)total);
    for (int32_t i = 0; i < p->length; i++) {
        const float d = x[i * step] - largest;
        y[i * step] = d - logarithm;
    }
}

void tc_float_softmax(const tc_float_softmax_params *p, const void *x, void *y)
{
    /* Runs that lie behind each other, or side by side. */
    const int32_t groups = p->inner == 1 ? 1 : p->outer;
    const int32_t runs = p->inner == 1 ? p->outer : p->inner;
    const ptrdiff_t apart = p->inner == 1 ? p->length : 1;
    for (int32_t group = 0; group < groups; group++) {
        for (int32_t first = 0; first < runs; first += RUNS) {
            const int32_t count = tc_min(RUNS, runs - first);
            const ptrdiff_t at = (ptrdiff_t)group * p->length * p->inner + first * apart;
            const float *from = (const float *)x + at;
            float *to = (float *)y + at;
            float largest[RUNS];
            float total[RUNS];
            for (int32_t r = 0; r < count; r++) {
                largest[r] = largest_of(p, from + r * apart);
                exponentials(p, from + r * apart, largest[r], to + r * apart);
            }
            sums(p, to, count, apart, total);
            for (int32_t r = 0; r < count; r++) {
                finish(p, from + r * apart, largest[r], total[r], to + r * apart);
            }
        }
    }
}
