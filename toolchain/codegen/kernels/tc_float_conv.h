/* Convolution and transposed convolution of float32, row-major, up to three spatial axes. */
#ifndef TC_FLOAT_CONV_H
#define TC_FLOAT_CONV_H

#include "tc_window.h"

enum { TC_FLOAT_COLUMNS = 64 };

typedef struct {
    tc_window window;
    int32_t groups;
    int32_t transposed;
    int32_t panel_depth; /* inputs that are gathered at a time, for TC_FLOAT_COLUMNS positions */
    int32_t parts;       /* for parallel_for; each has scratch of its own */
} tc_float_conv_params;

/*
 * weights: [output channel][input channel of the group][kernel position]; bias: one for each
 * output channel, or 0. Scratch: parts * panel_depth * TC_FLOAT_COLUMNS floats.
 */
void tc_float_conv(const tc_float_conv_params *p, const void *x, const void *weights,
                   const void *bias, void *y, void *scratch, const tc_context *context);

#endif
