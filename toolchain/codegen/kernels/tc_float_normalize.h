/* Normalization of runs of neighbouring float32 elements: layers, instances, groups, RMS. */
#ifndef TC_FLOAT_NORMALIZE_H
#define TC_FLOAT_NORMALIZE_H

#include "tc_base.h"

typedef struct {
    int32_t runs;
    int32_t length;
    float epsilon;
    int32_t is_rms; /* no mean is taken away */
    int32_t period; /* element e, counted over all runs, has */
    int32_t repeat; /* scale and bias number e / repeat % period */
} tc_float_normalize_params;

/* bias may be 0. */
void tc_float_normalize(const tc_float_normalize_params *p, const void *x, const void *scale,
                        const void *bias, void *y);

typedef struct {
    int32_t runs;
    int32_t length;
    float epsilon;
} tc_float_moments_params;

/* Of every run the mean and 1 / sqrt(variance + epsilon). */
void tc_float_moments(const tc_float_moments_params *p, const void *x, void *mean, void *inverse);

#endif
