/* BatchNormalization of float32 with given means and variances. */
#ifndef TC_FLOAT_BATCHNORM_H
#define TC_FLOAT_BATCHNORM_H

#include "tc_base.h"

typedef struct {
    int32_t outer;
    int32_t channels;
    int32_t inner; /* elements from one channel to the next */
    float epsilon;
} tc_float_batchnorm_params;

/* y = (x - mean) * (scale / sqrt(variance + epsilon)) + bias, one of each for every channel. */
void tc_float_batchnorm(const tc_float_batchnorm_params *p, const void *x, const void *scale,
                        const void *bias, const void *mean, const void *variance, void *y);

#endif
