/* A row times a panel of weights where operands have more than 8 bits. */
#ifndef TC_TILE_WIDE_H
#define TC_TILE_WIDE_H

#include "tc_finish.h"

/*
 * sums[c] = sum over k < depth of row[k] * panel[k * width + c] for c < width <= TC_COLUMNS, exact.
 * The panel is of TC_INT8 or TC_INT16.
 */
void tc_tile_wide(const int32_t *row, const void *panel, tc_type type, int32_t depth,
                  int32_t width, int64_t *sums);

#endif
