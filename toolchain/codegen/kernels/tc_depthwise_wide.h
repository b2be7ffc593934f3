/* Convolution with one filter for each channel where operands have more than 8 bits. */
#ifndef TC_DEPTHWISE_WIDE_H
#define TC_DEPTHWISE_WIDE_H

#include "tc_finish.h"
#include "tc_window.h"

typedef struct {
    tc_window window;
    tc_type x_type;
    int32_t x_zero_point;
    const int32_t *weights; /* [kernel position][channel], centred */
    int32_t parts;
    tc_finish_params finish;
} tc_depthwise_wide_params;

void tc_depthwise_wide(const tc_depthwise_wide_params *p, const void *x, void *y,
                       const tc_context *context);

#endif
