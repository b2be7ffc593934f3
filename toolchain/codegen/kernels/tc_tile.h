/* The inner loops of convolution and matrix product: rows times a panel of weights. */
#ifndef TC_TILE_H
#define TC_TILE_H

#include "tc_finish.h"

/* Rows that are multiplied at a time. */
enum { TC_ROWS = 8 };

/*
 * sums[r * TC_COLUMNS + c] = sum over k < depth of rows[r * row_step + k] * panel[k * width + c]
 * for r < count <= TC_ROWS and c < width <= TC_COLUMNS, exact. Where depth is odd, one element
 * behind a row may be read, too, and counts as 0: row_step leaves room for it.
 */
void tc_tile(const int16_t *rows, int32_t row_step, int32_t count, const int8_t *panel,
             int32_t depth, int32_t width, int32_t *sums);

#endif
