#include "tc_float_normalize.h"

#include <math.h>

/* Runs whose sums are computed side by side. */
enum { RUNS = 8 };

/* M(x - mean) or M((x - mean)**2) of some runs. */
static void means(const float *x, int32_t length, int32_t count, const float *mean, int32_t squares,
                  float *result)
{
    float total[RUNS] = {0};
    for (int32_t i = 0; i < length; i++) {
        for (int32_t r = 0; r < count; r++) {
            const float v = x[(ptrdiff_t)r * length + i];
            if (squares) {
                const float d = v - mean[r];
                total[r] += d * d;
            } else {
                total[r] += v;
            }
        }
    }
    for (int32_t r = 0; r < count; r++) {
        result[r] = total[r] / (float)length;
    }
}

/* Means, and sqrt(variance + epsilon). */
static void moments(const float *x, int32_t length, int32_t count, float epsilon, float *mean,
                    float *root)
{
    means(x, length, count, mean, 1, root);
    for (int32_t r = 0; r < count; r++) {
        root[r] = sqrtf(root[r] + epsilon);
    }
}

/*
 * One run, which begins with element `first`. Every element of any input is read before the one of
 * y in its place is written: y may be x, scale or bias.
 */
static void normalize(const tc_float_normalize_params *p, ptrdiff_t first, const float *x,
                      float mean, float root, const float *scale, const float *bias, float *y)
{
    const float inverse = 1.0f / root;
    const int32_t step = p->repeat == 1;
    for (int32_t i = 0; i < p->length;) {
        const ptrdiff_t at = first + i;
        const int32_t index = (int32_t)(at / p->repeat % p->period);
        /* Elements that have neighbouring scales, or the same one. */
        const int32_t like = step ? p->period - index : p->repeat - (int32_t)(at % p->repeat);
        const int32_t count = tc_min(like, p->length - i);
        for (int32_t k = 0; k < count; k++) {
            const float v = x[i + k];
            const float normal = p->is_rms ? v / root : (v - mean) * inverse;
            const float scaled = normal * scale[index + k * step];
            y[i + k] = bias != NULL ? scaled + bias[index + k * step] : scaled;
        }
        i += count;
    }
}

void tc_float_normalize(const tc_float_normalize_params *p, const void *x, const void *scale,
                        const void *bias, void *y)
{
    for (int32_t first = 0; first < p->runs; first += RUNS) {
        const int32_t count = tc_min(RUNS, p->runs - first);
        const ptrdiff_t begin = (ptrdiff_t)first * p->length;
        const float *from = (const float *)x + begin;
        float *to = (float *)y + begin;
        float mean[RUNS] = {0};
        float root[RUNS];
        if (!p->is_rms) {
            means(from, p->length, count, NULL, 0, mean);
        }
        moments(from, p->length, count, p->epsilon, mean, root);
        for (int32_t r = 0; r < count; r++, from += p->length, to += p->length) {
            normalize(p, begin + (ptrdiff_t)r * p->length, from, mean[r], root[r],
                      (const float *)scale, (const float *)bias, to);
        }
    }
}

void tc_float_moments(const tc_float_moments_params *p, const void *x, void *mean, void *inverse)
{
    for (int32_t run = 0; run < p->runs; run++) {
        const float *from = (const float *)x + (ptrdiff_t)run * p->length;
        float *m = (float *)mean + run;
        float root;
        means(from, p->length, 1, NULL, 0, m);
        moments(from, p->length, 1, p->epsilon, m, &root);
        ((float *)inverse)[run] = 1.0f / root;
    }
}
