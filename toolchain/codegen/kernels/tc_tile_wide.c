#include "tc_tile_wide.h"

#include <string.h>

/* Columns side by side, which compilers turn into vectors of whatever the machine has. */
#define TC_SUM_ROW(NAME, TYPE)                                                                     \
    static void NAME(const int32_t *row, const TYPE *panel, int32_t depth, int32_t width,          \
                     int64_t *sums)                                                                \
    {                                                                                              \
        memset(sums, 0, sizeof(int64_t) * (size_t)width);                                          \
        for (int32_t k = 0; k < depth; k++) {                                                      \
            const int64_t x = row[k];                                                              \
            const TYPE *w = panel + (ptrdiff_t)k * width;                                          \
            for (int32_t c = 0; c < width; c++) {                                                  \
                sums[c] += x * w[c];                                                               \
            }                                                                                      \
        }                                                                                          \
    }

TC_SUM_ROW(sum_row_8, int8_t)
TC_SUM_ROW(sum_row_16, int16_t)

void tc_tile_wide(const int32_t *row, const void *panel, tc_type type, int32_t depth,
                  int32_t width, int64_t *sums)
{
    if (type == TC_INT8) {
        sum_row_8(row, (const int8_t *)panel, depth, width, sums);
    } else {
        sum_row_16(row, (const int16_t *)panel, depth, width, sums);
    }
}
