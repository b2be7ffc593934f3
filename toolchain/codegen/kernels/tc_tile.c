#include "tc_tile.h"

#include <string.h>

#include "tc_avx512.h"

#if defined(__riscv_vector)

#include <riscv_vector.h>

/* Four rows, as many columns as the vectors hold: weights are widened once for all rows. */
static void tile_four(const int16_t *rows, int32_t step, const int8_t *panel, int32_t depth,
                      int32_t width, int32_t *sums)
{
    for (int32_t c = 0; c < width;) {
        const size_t vl = __riscv_vsetvl_e32m4((size_t)(width - c));
        vint32m4_t sum0 = __riscv_vmv_v_x_i32m4(0, vl);
        vint32m4_t sum1 = sum0;
        vint32m4_t sum2 = sum0;
        vint32m4_t sum3 = sum0;
        for (int32_t k = 0; k < depth; k++) {
            const vint8m1_t bytes = __riscv_vle8_v_i8m1(panel + (ptrdiff_t)k * width + c, vl);
            const vint16m2_t w = __riscv_vsext_vf2_i16m2(bytes, vl);
            sum0 = __riscv_vwmacc_vx_i32m4(sum0, rows[k], w, vl);
            sum1 = __riscv_vwmacc_vx_i32m4(sum1, rows[step + k], w, vl);
            sum2 = __riscv_vwmacc_vx_i32m4(sum2, rows[2 * step + k], w, vl);
            sum3 = __riscv_vwmacc_vx_i32m4(sum3, rows[3 * step + k], w, vl);
        }
        __riscv_vse32_v_i32m4(sums + c, sum0, vl);
        __riscv_vse32_v_i32m4(sums + TC_COLUMNS + c, sum1, vl);
        __riscv_vse32_v_i32m4(sums + 2 * TC_COLUMNS + c, sum2, vl);
        __riscv_vse32_v_i32m4(sums + 3 * TC_COLUMNS + c, sum3, vl);
        c += (int32_t)vl;
    }
}

static void tile_one(const int16_t *row, const int8_t *panel, int32_t depth, int32_t width,
                     int32_t *sums)
{
    for (int32_t c = 0; c < width;) {
        const size_t vl = __riscv_vsetvl_e32m8((size_t)(width - c));
        vint32m8_t sum = __riscv_vmv_v_x_i32m8(0, vl);
        for (int32_t k = 0; k < depth; k++) {
            const vint8m2_t bytes = __riscv_vle8_v_i8m2(panel + (ptrdiff_t)k * width + c, vl);
            sum = __riscv_vwmacc_vx_i32m8(sum, row[k], __riscv_vsext_vf2_i16m4(bytes, vl), vl);
        }
        __riscv_vse32_v_i32m8(sums + c, sum, vl);
        c += (int32_t)vl;
    }
}

void tc_tile(const int16_t *rows, int32_t row_step, int32_t count, const int8_t *panel,
             int32_t depth, int32_t width, int32_t *sums)
{
    int32_t r = 0;
    for (; r + 4 <= count; r += 4) {
        tile_four(rows + (ptrdiff_t)r * row_step, row_step, panel, depth, width,
                  sums + r * TC_COLUMNS);
    }
    for (; r < count; r++) {
        tile_one(rows + (ptrdiff_t)r * row_step, panel, depth, width, sums + r * TC_COLUMNS);
    }
}

#elif defined(TC_AVX512)

static inline __m512i weights_at(const int8_t *panel, __mmask32 mask)
{
    return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(mask, panel));
}

/* Two sums of pairs for one row: in variables, because arrays of vectors would live in memory. */
#define TC_SUMS_OF_ROW(R) __m512i low##R = _mm512_setzero_si512(), high##R = low##R;
#define TC_ADD_TO_ROW(R)                                                                           \
    memcpy(&both, rows + (ptrdiff_t)R * step + k, sizeof both);                                    \
    x = _mm512_set1_epi32(both);                                                                   \
    low##R = tc_multiply_add(low##R, pairs_low, x);                                                \
    high##R = tc_multiply_add(high##R, pairs_high, x);
#define TC_STORE_ROW(R) tc_store_sums(low##R, high##R, sums + R * TC_COLUMNS);

#define TC_ROWS_1(DO) DO(0)
#define TC_ROWS_4(DO) DO(0) DO(1) DO(2) DO(3)
#define TC_ROWS_8(DO) TC_ROWS_4(DO) DO(4) DO(5) DO(6) DO(7)

/* Pairs of products of 16 bits are added in one instruction, so depth goes in steps of two. */
#define TC_TILE_OF(COUNT)                                                                          \
    static void tile_##COUNT(const int16_t *rows, int32_t step, const int8_t *panel,               \
                             int32_t depth, int32_t width, int32_t left, int32_t *sums)            \
    {                                                                                              \
        const __mmask32 mask = tc_lanes(left);                                                     \
        TC_ROWS_##COUNT(TC_SUMS_OF_ROW)                                                            \
        for (int32_t k = 0; k < depth; k += 2) {                                                   \
            const int8_t *at = panel + (ptrdiff_t)k * width;                                       \
            const __m512i even = weights_at(at, mask);                                             \
            const __m512i odd = weights_at(at + width, k + 1 < depth ? mask : 0);                  \
            const __m512i pairs_low = _mm512_unpacklo_epi16(even, odd);                            \
            const __m512i pairs_high = _mm512_unpackhi_epi16(even, odd);                           \
            int32_t both;                                                                          \
            __m512i x;                                                                             \
            TC_ROWS_##COUNT(TC_ADD_TO_ROW)                                                         \
        }                                                                                          \
        TC_ROWS_##COUNT(TC_STORE_ROW)                                                              \
    }

TC_TILE_OF(8)
TC_TILE_OF(4)
TC_TILE_OF(1)

void tc_tile(const int16_t *rows, int32_t row_step, int32_t count, const int8_t *panel,
             int32_t depth, int32_t width, int32_t *sums)
{
    for (int32_t c = 0; c < width; c += 32) {
        const int8_t *columns = panel + c;
        const int32_t left = width - c;
        int32_t r = 0;
        if (count == TC_ROWS) {
            tile_8(rows, row_step, columns, depth, width, left, sums + c);
            continue;
        }
        for (; r + 4 <= count; r += 4) {
            tile_4(rows + (ptrdiff_t)r * row_step, row_step, columns, depth, width, left,
                   sums + r * TC_COLUMNS + c);
        }
        for (; r < count; r++) {
            tile_1(rows + (ptrdiff_t)r * row_step, row_step, columns, depth, width, left,
                   sums + r * TC_COLUMNS + c);
        }
    }
}

#else

/* Columns side by side, which compilers turn into vectors of whatever the machine has. */
void tc_tile(const int16_t *rows, int32_t row_step, int32_t count, const int8_t *panel,
             int32_t depth, int32_t width, int32_t *sums)
{
    for (int32_t r = 0; r < count; r++) {
        const int16_t *row = rows + (ptrdiff_t)r * row_step;
        int32_t *sum = sums + r * TC_COLUMNS;
        memset(sum, 0, sizeof(int32_t) * (size_t)width);
        for (int32_t k = 0; k < depth; k++) {
            const int16_t x = row[k];
            const int8_t *w = panel + (ptrdiff_t)k * width;
            for (int32_t c = 0; c < width; c++) {
                sum[c] += x * w[c];
            }
        }
    }
}

#endif
