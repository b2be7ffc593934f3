#include "tc_float_tile.h"

#include <string.h>

/* All columns from c on, one sum after the other. */
static void single_sums(const tc_float_product *t, int32_t c)
{
    for (int32_t r = 0; r < t->count; r++) {
        const float *row = t->rows + r * t->row_step;
        float *sums = t->sums + r * t->sum_step;
        for (int32_t j = c; j < t->width; j++) {
            float sum = sums[j];
            for (int32_t k = 0; k < t->depth; k++) {
                sum += row[k] * t->panel[k * t->panel_step + j];
            }
            sums[j] = sum;
        }
    }
}

#ifdef __GNUC__

/* Tiles that fit registers: each sum has its own order, vectors run across columns. */

enum { ROWS = 4 };

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__) || defined(__riscv_vector)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

/* HEIGHT rows, WIDTH / SIZE vectors of SIZE columns; compilers split vectors that the machine does
   not have. */
#define TC_TILE(NAME, HEIGHT, WIDTH, SIZE)                                                         \
    typedef float NAME##_lanes __attribute__((vector_size(4 * SIZE)));                             \
    static void NAME(const tc_float_product *t, int32_t r, int32_t c)                              \
    {                                                                                              \
        const float *rows = t->rows + r * t->row_step;                                             \
        const float *panel = t->panel + c;                                                         \
        float *sums = t->sums + r * t->sum_step + c;                                               \
        NAME##_lanes sum[HEIGHT][WIDTH / SIZE];                                                    \
        NAME##_lanes b[WIDTH / SIZE];                                                              \
        for (int32_t i = 0; i < HEIGHT; i++) {                                                     \
            memcpy(sum[i], sums + i * t->sum_step, sizeof sum[i]);                                 \
        }                                                                                          \
        for (int32_t k = 0; k < t->depth; k++, panel += t->panel_step) {                           \
            memcpy(b, panel, sizeof b);                                                            \
            for (int32_t i = 0; i < HEIGHT; i++) {                                                 \
                const float x = rows[i * t->row_step + k];                                         \
                for (int32_t j = 0; j < WIDTH / SIZE; j++) {                                       \
                    sum[i][j] += x * b[j];                                                         \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        for (int32_t i = 0; i < HEIGHT; i++) {                                                     \
            memcpy(sums + i * t->sum_step, sum[i], sizeof sum[i]);                                 \
        }                                                                                          \
    }

TC_TILE(wide_tile, ROWS, 2 * LANES, LANES)
TC_TILE(wide_row, 1, 2 * LANES, LANES)
TC_TILE(narrow_tile, ROWS, 4, 4)
TC_TILE(narrow_row, 1, 4, 4)

/* As many columns as `tile` and `row` have, for all rows. */
static void strip(const tc_float_product *t, int32_t c,
                  void (*tile)(const tc_float_product *t, int32_t r, int32_t c),
                  void (*row)(const tc_float_product *t, int32_t r, int32_t c))
{
    int32_t r = 0;
    for (; r + ROWS <= t->count; r += ROWS) {
        tile(t, r, c);
    }
    for (; r < t->count; r++) {
        row(t, r, c);
    }
}

void tc_float_tile(const tc_float_product *product)
{
    int32_t c = 0;
    for (; c + 2 * LANES <= product->width; c += 2 * LANES) {
        strip(product, c, wide_tile, wide_row);
    }
    for (; c + 4 <= product->width; c += 4) {
        strip(product, c, narrow_tile, narrow_row);
    }
    single_sums(product, c);
}

#else

void tc_float_tile(const tc_float_product *product)
{
    single_sums(product, 0);
}

#endif
