/* Convolution of 8-bit integers, channels last, up to three spatial axes, groups. */
#ifndef TC_CONV_H
#define TC_CONV_H

#include "tc_elements.h"
#include "tc_tile.h"
#include "tc_window.h"

typedef struct {
    tc_window window;
    int32_t groups;
    tc_type x_type;
    int32_t x_zero_point;
    /* For every group panels of up to TC_COLUMNS output channels: [kernel position and input
       channel][output channel]. */
    const int8_t *weights;
    const int32_t *weight_zero_point; /* one for each output channel, or 0 */
    int32_t block_rows;               /* positions whose inputs are gathered at a time */
    int32_t row_step;                 /* elements of one gathered position, even */
    int32_t parts;                    /* for parallel_for; each has scratch of its own */
    tc_finish_params finish;
} tc_conv_params;

/* Scratch: parts * block_rows * row_step elements of 16 bits. */
void tc_conv(const tc_conv_params *p, const void *x, void *y, void *scratch,
             const tc_context *context);

#endif
