#include "tc_float_resize.h"

void tc_float_resize(const tc_float_resize_params *p, const void *x, void *y)
{
    float *to = (float *)y;
    for (int32_t outer = 0; outer < p->outer; outer++) {
        const float *plane = (const float *)x + (ptrdiff_t)outer * p->in * p->inner;
        for (int32_t o = 0; o < p->out; o++, to += p->inner) {
            const int32_t *positions = p->positions + (ptrdiff_t)o * p->taps;
            const float *weights = p->weights + (ptrdiff_t)o * p->taps;
            for (int32_t t = 0; t < p->taps; t++) {
                const float *from = plane + (ptrdiff_t)positions[t] * p->inner;
                for (int32_t i = 0; i < p->inner; i++) {
                    const float term = from[i] * weights[t];
                    to[i] = t == 0 ? term : to[i] + term;
                }
            }
        }
    }
}
