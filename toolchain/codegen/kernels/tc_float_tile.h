/* The inner loops of float convolution and matrix product. */
#ifndef TC_FLOAT_TILE_H
#define TC_FLOAT_TILE_H

#include "tc_base.h"

/* Rows times a panel: sums[r * sum_step + c] += rows[r * row_step + k] * panel[k * panel_step + c]
   for k = 0 .. depth - 1 in this order, every product rounded before it is added. */
typedef struct {
    const float *rows;
    ptrdiff_t row_step;
    int32_t count; /* of rows */
    const float *panel;
    ptrdiff_t panel_step;
    int32_t depth;
    int32_t width; /* columns of the panel */
    float *sums;
    ptrdiff_t sum_step;
} tc_float_product;

void tc_float_tile(const tc_float_product *product);

#endif
