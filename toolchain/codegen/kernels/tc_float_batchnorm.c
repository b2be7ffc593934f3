#include "tc_float_batchnorm.h"

#include <math.h>

void tc_float_batchnorm(const tc_float_batchnorm_params *p, const void *x, const void *scale,
                        const void *bias, const void *mean, const void *variance, void *y)
{
    const float *from = (const float *)x;
    float *to = (float *)y;
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t c = 0; c < p->channels; c++, from += p->inner, to += p->inner) {
            const float root = sqrtf(((const float *)variance)[c] + p->epsilon);
            const float factor = ((const float *)scale)[c] / root;
            for (int32_t i = 0; i < p->inner; i++) {
                const float centred = from[i] - ((const float *)mean)[c];
                const float scaled = centred * factor;
                to[i] = scaled + ((const float *)bias)[c];
            }
        }
    }
}
