#include "tc_matmul.h"

typedef struct {
    const tc_matmul_params *p;
    const void *a;
    const void *b;
    void *y;
    unsigned char *scratch;
} job;

/* A computed matrix as panels of int8; unsigned elements are lowered by 128. */
static void pack(const tc_matmul_params *p, const void *b, int8_t *panels)
{
    for (int32_t c = 0; c < p->columns; c += TC_COLUMNS) {
        const int32_t width = tc_min(TC_COLUMNS, p->columns - c);
        for (int32_t k = 0; k < p->depth; k++) {
            const ptrdiff_t at = (ptrdiff_t)k * p->columns + c;
            if (p->b_type == TC_INT8) {
                const int8_t *from = (const int8_t *)b + at;
                for (int32_t i = 0; i < width; i++) {
                    panels[i] = from[i];
                }
            } else {
                const uint8_t *from = (const uint8_t *)b + at;
                for (int32_t i = 0; i < width; i++) {
                    panels[i] = (int8_t)(from[i] - 128);
                }
            }
            panels += width;
        }
    }
}

static void subtract_zero_points(const tc_matmul_params *p, const int16_t *row, int32_t first,
                                 int32_t width, int32_t *sums)
{
    int32_t total = 0;
    for (int32_t k = 0; k < p->depth; k++) {
        total += row[k];
    }
    for (int32_t c = 0; c < width; c++) {
        const uint32_t excess = (uint32_t)p->b_zero_point[first + c] * (uint32_t)total;
        sums[c] = (int32_t)((uint32_t)sums[c] - excess);
    }
}

/* Rows of `a`, widened, times all panels. */
static void multiply(const tc_matmul_params *p, const int16_t *rows, int32_t count,
                     const int8_t *panel, void *y)
{
    int32_t sums[TC_ROWS * TC_COLUMNS];
    for (int32_t c = 0; c < p->columns; c += TC_COLUMNS) {
        const int32_t width = tc_min(TC_COLUMNS, p->columns - c);
        for (int32_t r = 0; r < count; r += TC_ROWS) {
            const int32_t some = tc_min(TC_ROWS, count - r);
            const int16_t *from = rows + (ptrdiff_t)r * p->row_step;
            tc_tile(from, p->row_step, some, panel, p->depth, width, sums);
            for (int32_t i = 0; i < some; i++) {
                int32_t *sum = sums + i * TC_COLUMNS;
                if (p->b_zero_point != NULL) {
                    subtract_zero_points(p, from + (ptrdiff_t)i * p->row_step, c, width, sum);
                }
                const ptrdiff_t index = (ptrdiff_t)(r + i) * p->columns + c;
                tc_finish(&p->finish, sum, c, width, tc_to(y, p->finish.grid.type, index));
            }
        }
        panel += (ptrdiff_t)p->depth * width;
    }
}

/* One pair of matrices; a part does every block of rows, or those that are its own. */
static void one_product(const job *j, const tc_place *place, const int8_t *panels, int16_t *rows,
                        int32_t part, int32_t parts)
{
    const tc_matmul_params *p = j->p;
    for (int32_t block = part; block * p->block_rows < p->rows; block += parts) {
        const int32_t first = block * p->block_rows;
        const int32_t some = tc_min(p->block_rows, p->rows - first);
        for (int32_t i = 0; i < some; i++) {
            const ptrdiff_t index = place->at[0] + (ptrdiff_t)(first + i) * p->depth;
            tc_widen16(p->a_type, tc_at(j->a, p->a_type, index), p->a_zero_point, p->depth,
                       rows + (ptrdiff_t)i * p->row_step);
        }
        const ptrdiff_t index = place->at[2] + (ptrdiff_t)first * p->columns;
        multiply(p, rows, some, panels, tc_to(j->y, p->finish.grid.type, index));
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_matmul_params *p = j->p;
    int16_t *rows = (int16_t *)(void *)(j->scratch + (ptrdiff_t)part * p->scratch_bytes);
    int8_t *packed = (int8_t *)(rows + (ptrdiff_t)p->block_rows * p->row_step);
    const int32_t last = p->batch.rank - 1;
    tc_place place = {{0}, {0}};
    int32_t number = 0;
    do {
        tc_place pair = place;
        for (int32_t i = 0; i < p->batch.shape[last]; i++, number++) {
            if (p->weights != NULL) {
                one_product(j, &pair, p->weights + pair.at[1], rows, part, p->parts);
            } else if (number % p->parts == part) {
                pack(p, tc_at(j->b, p->b_type, pair.at[1]), packed);
                one_product(j, &pair, packed, rows, 0, 1);
            }
            for (int32_t k = 0; k < TC_MAX_OPERANDS; k++) {
                pair.at[k] += p->batch.stride[k][last];
            }
        }
    } while (tc_next(&p->batch, &place));
}

void tc_matmul(const tc_matmul_params *p, const void *a, const void *b, void *y, void *scratch,
               const tc_context *context)
{
    job j = {p, a, b, y, (unsigned char *)scratch};
    tc_for_parts(context, p->parts, run_part, &j);
}
