#include "tc_product.h"

#include "tc_elements.h"
#include "tc_tile.h"
#include "tc_tile_wide.h"

/* Rows that are multiplied at once, with one panel. */
typedef struct {
    const tc_product_params *p;
    const void *rows;
    int32_t count;
    const void *panel;
    int32_t width;
} tile;

static const void *row_of(const tile *t, int32_t row, int32_t first)
{
    const ptrdiff_t index = (ptrdiff_t)row * t->p->row_step + first;
    return (const unsigned char *)t->rows + index * tc_row_size(t->p);
}

static const void *panel_of(const tile *t, int32_t first)
{
    return tc_at(t->panel, t->p->type, (ptrdiff_t)first * t->width);
}

/*
 * Sums over rows first .. first + depth - 1 of the panel. Those of x * (w - zero) are those of
 * x * w without zero times the sum of x; on the way there they may leave 32 bits and come back.
 */
static void narrow_sums(const tile *t, int32_t first, int32_t depth, const int32_t *zero_points,
                        int32_t *sums)
{
    tc_tile((const int16_t *)row_of(t, 0, first), t->p->row_step, t->count,
            (const int8_t *)panel_of(t, first), depth, t->width, sums);
    if (zero_points == NULL) {
        return;
    }
    for (int32_t r = 0; r < t->count; r++, sums += TC_COLUMNS) {
        const int16_t *row = (const int16_t *)row_of(t, r, first);
        int32_t total = 0;
        for (int32_t k = 0; k < depth; k++) {
            total += row[k];
        }
        for (int32_t c = 0; c < t->width; c++) {
            const uint32_t excess = (uint32_t)zero_points[c] * (uint32_t)total;
            sums[c] = (int32_t)((uint32_t)sums[c] - excess);
        }
    }
}

/* The same for one row, in 64 bits. */
static void wide_sums(const tile *t, int32_t r, int32_t first, int32_t depth,
                      const int32_t *zero_points, int64_t *sums)
{
    const int32_t *row = (const int32_t *)row_of(t, r, first);
    tc_tile_wide(row, panel_of(t, first), t->p->type, depth, t->width, sums);
    if (zero_points == NULL) {
        return;
    }
    int64_t total = 0;
    for (int32_t k = 0; k < depth; k++) {
        total += row[k];
    }
    for (int32_t c = 0; c < t->width; c++) {
        sums[c] -= zero_points[c] * total;
    }
}

/* One factor for each column: exact sums to outputs. */
static void whole_sums(const tile *t, int32_t column, const ptrdiff_t *places, void *y)
{
    const tc_product_params *p = t->p;
    const int32_t *zero_points = p->zero_point != NULL ? p->zero_point + column : NULL;
    const tc_type type = p->finish.grid.type;
    if (p->wide) {
        int64_t sums[TC_COLUMNS];
        for (int32_t r = 0; r < t->count; r++) {
            wide_sums(t, r, 0, p->depth, zero_points, sums);
            tc_finish_wide(&p->finish, sums, column, t->width, tc_to(y, type, places[r] + column));
        }
        return;
    }
    int32_t sums[TC_ROWS * TC_COLUMNS];
    narrow_sums(t, 0, p->depth, zero_points, sums);
    for (int32_t r = 0; r < t->count; r++) {
        tc_finish(&p->finish, sums + r * TC_COLUMNS, column, t->width,
                  tc_to(y, type, places[r] + column));
    }
}

/* totals += float32(sums) * factor, two float32 operations, for one block of a sum. */
#define TC_ADD_BLOCK                                                                               \
    for (int32_t c = 0; c < t->width; c++) {                                                       \
        const float term = (float)sums[c] * factor[c];                                             \
        totals[c] = totals[c] + term;                                                              \
    }

static void add_wide_block(const tile *t, int32_t first, int32_t depth, const float *factor,
                           const int32_t *zero_points, float *totals)
{
    int64_t sums[TC_COLUMNS];
    for (int32_t r = 0; r < t->count; r++, totals += TC_COLUMNS) {
        wide_sums(t, r, first, depth, zero_points, sums);
        TC_ADD_BLOCK
    }
}

static void add_narrow_block(const tile *t, int32_t first, int32_t depth, const float *factor,
                             const int32_t *zero_points, float *totals)
{
    int32_t found[TC_ROWS * TC_COLUMNS];
    const int32_t *sums = found;
    narrow_sums(t, first, depth, zero_points, found);
    for (int32_t r = 0; r < t->count; r++, sums += TC_COLUMNS, totals += TC_COLUMNS) {
        TC_ADD_BLOCK
    }
}

/* One factor for each block and column: float32 totals of exact sums to outputs. */
static void block_sums(const tile *t, int32_t matrix, int32_t c, int32_t first,
                       const ptrdiff_t *places, void *y)
{
    const tc_product_params *p = t->p;
    const tc_blocks *b = &p->blocks;
    const int32_t per_tap = (b->channels + b->size - 1) / b->size;
    float totals[TC_ROWS * TC_COLUMNS];
    for (int32_t r = 0; r < t->count; r++) {
        for (int32_t i = 0; i < t->width; i++) {
            totals[r * TC_COLUMNS + i] = b->bias != NULL ? b->bias[first + c + i] : 0.0f;
        }
    }
    for (int32_t number = 0; number < b->taps * per_tap; number++) {
        const int32_t channel = number % per_tap * b->size;
        const int32_t depth = tc_min(b->size, b->channels - channel);
        const int32_t row = number / per_tap * b->channels + channel;
        const ptrdiff_t block = (ptrdiff_t)matrix * b->taps * per_tap + number;
        const ptrdiff_t at = block * p->columns + c;
        const int32_t *zero_points = b->zero_point != NULL ? b->zero_point + at : NULL;
        if (p->wide) {
            add_wide_block(t, row, depth, b->factor + at, zero_points, totals);
        } else {
            add_narrow_block(t, row, depth, b->factor + at, zero_points, totals);
        }
    }
    for (int32_t r = 0; r < t->count; r++) {
        tc_finish_total(&p->finish, totals + r * TC_COLUMNS, t->width,
                        tc_to(y, p->finish.grid.type, places[r] + first + c));
    }
}

void tc_product(const tc_product_params *p, const void *rows, int32_t count, const void *panels,
                int32_t matrix, int32_t first, const ptrdiff_t *places, void *y)
{
    const ptrdiff_t row_bytes = (ptrdiff_t)p->row_step * tc_row_size(p);
    tile t = {p, rows, 0, panels, 0};
    for (int32_t c = 0; c < p->columns; c += TC_COLUMNS) {
        t.width = tc_min(TC_COLUMNS, p->columns - c);
        for (int32_t r = 0; r < count; r += TC_ROWS) {
            t.rows = (const unsigned char *)rows + r * row_bytes;
            t.count = tc_min(TC_ROWS, count - r);
            if (p->blocks.factor != NULL) {
                block_sums(&t, matrix, c, first, places + r, y);
            } else {
                whole_sums(&t, first + c, places + r, y);
            }
        }
        t.panel = panel_of(&t, p->depth);
    }
}

void tc_fill_row(const tc_product_params *p, tc_type x_type, const void *x, int32_t zero_point,
                 int32_t count, void *row)
{
    if (p->wide) {
        tc_widen(x_type, x, 1, zero_point, count, (int32_t *)row);
    } else {
        tc_widen16(x_type, x, zero_point, count, (int16_t *)row);
    }
}
