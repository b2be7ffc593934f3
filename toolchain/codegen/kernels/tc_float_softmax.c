#include "tc_float_softmax.h"

#include "tc_series.h"

static float largest_of(const tc_float_softmax_params *p, const float *x)
{
    float largest = x[0];
    for (int32_t i = 1; i < p->length; i++) {
        const float v = x[(ptrdiff_t)i * p->inner];
        largest = v > largest || v != v ? v : largest;
    }
    return largest;
}

/* values[i] = Exp(values[i]) */
static void exponentials(float *values, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        values[i] = (float)tc_exp((double)values[i]);
    }
}

/* One run; y may be x. */
static void softmax(const tc_float_softmax_params *p, const float *x, float *y)
{
    const ptrdiff_t step = p->inner;
    const float largest = largest_of(p, x);
    float values[TC_CHUNK];
    float total = 0;
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        const float *from = x + first * step;
        float *to = y + first * step;
        for (int32_t i = 0; i < count; i++) {
            values[i] = from[i * step] - largest;
        }
        exponentials(values, count);
        for (int32_t i = 0; i < count; i++) {
            total += values[i];
            to[i * step] = values[i];
        }
    }
    for (int32_t i = 0; i < p->length; i++) {
        y[i * step] = y[i * step] / total;
    }
}

static void log_softmax(const tc_float_softmax_params *p, const float *x, float *y)
{
    const ptrdiff_t step = p->inner;
    const float largest = largest_of(p, x);
    float total = 0;
    for (int32_t i = 0; i < p->length; i++) {
        const float d = x[i * step] - largest;
        total += (float)tc_exp((double)d);
    }
    const float logarithm = (float)tc_log((double)total);
    for (int32_t i = 0; i < p->length; i++) {
        const float d = x[i * step] - largest;
        y[i * step] = d - logarithm;
    }
}

void tc_float_softmax(const tc_float_softmax_params *p, const void *x, void *y)
{
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            const ptrdiff_t at = (ptrdiff_t)outer * p->length * p->inner + inner;
            if (p->logarithm) {
                log_softmax(p, (const float *)x + at, (float *)y + at);
            } else {
                softmax(p, (const float *)x + at, (float *)y + at);
            }
        }
    }
}
