/* Local response normalization of float32 over neighbouring channels. */
#ifndef TC_FLOAT_LRN_H
#define TC_FLOAT_LRN_H

#include "tc_base.h"

typedef struct {
    int32_t outer;    /* runs along the channels: outer * inner of them, */
    int32_t channels; /* each of this many elements, */
    int32_t inner;    /* that are this far apart */
    int32_t size;     /* of the window, which begins (size - 1) / 2 channels before */
    float alpha;
    float beta;
    float bias;
} tc_float_lrn_params;

/* y = x / Pow(bias + (alpha / size) * sum of squares, beta) */
void tc_float_lrn(const tc_float_lrn_params *p, const void *x, void *y);

#endif
