/* Convolution of integers with one filter for each channel, channels last. */
#ifndef TC_DEPTHWISE_H
#define TC_DEPTHWISE_H

#include "tc_finish.h"
#include "tc_window.h"

typedef struct {
    tc_window window;
    tc_type x_type;
    int32_t x_zero_point;
    /* [kernel position][channel], centred, of one of two types: */
    const int16_t *weights;
    const int32_t *wide_weights; /* for x or weights of more than 8 bits, with sums of 64 */
    int32_t parts;
    tc_finish_params finish;
} tc_depthwise_params;

void tc_depthwise(const tc_depthwise_params *p, const void *x, void *y, const tc_context *context);

#endif
