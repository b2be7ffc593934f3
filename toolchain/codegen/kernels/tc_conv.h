/* Convolution of integers, channels last, up to three spatial axes, groups; also transposed. */
#ifndef TC_CONV_H
#define TC_CONV_H

#include "tc_product.h"
#include "tc_window.h"

/*
 * What a window meets is gathered into a row, kernel positions first, then the channels of one
 * group; every group has a matrix of weights with its output channels as columns.
 */
typedef struct {
    tc_window window;
    int32_t groups;
    tc_type x_type;
    int32_t x_zero_point;
    int32_t block_rows; /* positions whose inputs are gathered at a time, at most TC_MOST_ROWS */
    int32_t parts;      /* for parallel_for; each has scratch of its own */
    tc_product_params product;
} tc_conv_params;

/* Scratch: parts * block_rows rows. */
void tc_conv(const tc_conv_params *p, const void *x, void *y, void *scratch,
             const tc_context *context);

/*
 * Outputs of a transposed convolution that lie `step` apart meet the same elements of its kernel:
 * they are a convolution with these, whose outputs go to first, first + step, ... of y.
 */
typedef struct {
    tc_conv_params conv;
    int32_t y_extent[TC_SPATIAL];
    int32_t y_first[TC_SPATIAL];
    int32_t y_step[TC_SPATIAL];
} tc_conv_phase_params;

void tc_conv_phase(const tc_conv_phase_params *p, const void *x, void *y, void *scratch,
                   const tc_context *context);

#endif
