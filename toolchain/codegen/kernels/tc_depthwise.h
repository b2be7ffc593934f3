/* Convolution of 8-bit integers with one filter for each channel, channels last. */
#ifndef TC_DEPTHWISE_H
#define TC_DEPTHWISE_H

#include "tc_finish.h"
#include "tc_window.h"

/* Kernel positions that are summed at a time; the last axis of a kernel has no more. */
enum { TC_TAPS = 32 };

typedef struct {
    tc_window window;
    tc_type x_type;
    int32_t x_zero_point;
    const int16_t *weights; /* [kernel position][channel], centred */
    int32_t parts;
    tc_finish_params finish;
} tc_depthwise_params;

void tc_depthwise(const tc_depthwise_params *p, const void *x, void *y, const tc_context *context);

#endif
