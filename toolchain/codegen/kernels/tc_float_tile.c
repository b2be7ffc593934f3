#include "tc_float_tile.h"

/* Sums that fit registers: each has its own order, vectors run across columns. */
enum { ROWS = 4, COLUMNS = 16 };

static void full_tile(const tc_float_product *t, int32_t r, int32_t c)
{
    const float *rows = t->rows + r * t->row_step;
    const float *panel = t->panel + c;
    float *sums = t->sums + r * t->sum_step + c;
    float sum[ROWS][COLUMNS];
    for (int32_t i = 0; i < ROWS; i++) {
        for (int32_t j = 0; j < COLUMNS; j++) {
            sum[i][j] = sums[i * t->sum_step + j];
        }
    }
    for (int32_t k = 0; k < t->depth; k++, panel += t->panel_step) {
        for (int32_t i = 0; i < ROWS; i++) {
            const float x = rows[i * t->row_step + k];
            for (int32_t j = 0; j < COLUMNS; j++) {
                sum[i][j] += x * panel[j];
            }
        }
    }
    for (int32_t i = 0; i < ROWS; i++) {
        for (int32_t j = 0; j < COLUMNS; j++) {
            sums[i * t->sum_step + j] = sum[i][j];
        }
    }
}

/* What is left at the edges: one row, up to COLUMNS columns. */
static void part_of_row(const tc_float_product *t, int32_t r, int32_t c, int32_t width)
{
    const float *row = t->rows + r * t->row_step;
    const float *panel = t->panel + c;
    float *sums = t->sums + r * t->sum_step + c;
    float sum[COLUMNS];
    for (int32_t j = 0; j < width; j++) {
        sum[j] = sums[j];
    }
    for (int32_t k = 0; k < t->depth; k++, panel += t->panel_step) {
        for (int32_t j = 0; j < width; j++) {
            sum[j] += row[k] * panel[j];
        }
    }
    for (int32_t j = 0; j < width; j++) {
        sums[j] = sum[j];
    }
}

void tc_float_tile(const tc_float_product *product)
{
    for (int32_t c = 0; c < product->width; c += COLUMNS) {
        const int32_t width = tc_min(COLUMNS, product->width - c);
        int32_t r = 0;
        if (width == COLUMNS) {
            for (; r + ROWS <= product->count; r += ROWS) {
                full_tile(product, r, c);
            }
        }
        for (; r < product->count; r++) {
            part_of_row(product, r, c, width);
        }
    }
}
