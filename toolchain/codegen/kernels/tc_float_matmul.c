#include "tc_float_matmul.h"

#include <string.h>

#include "tc_float_tile.h"

/* Rows that are one piece of work. */
enum { BLOCK = 32 };

typedef struct {
    const tc_float_matmul_params *p;
    const float *a;
    const float *b;
    const float *c;
    float *y;
} job;

/* What Gemm does to the product. */
static void scale_and_add(const tc_float_matmul_params *p, int32_t row, const float *c, float *y)
{
    for (int32_t j = 0; j < p->columns; j++) {
        y[j] = p->alpha * y[j];
    }
    if (c == NULL) {
        return;
    }
    c += (ptrdiff_t)row * p->c_row_step;
    for (int32_t j = 0; j < p->columns; j++) {
        y[j] = y[j] + p->beta * c[(ptrdiff_t)j * p->c_column_step];
    }
}

static void multiply(const job *j, const tc_place *place, int32_t first, int32_t count)
{
    const tc_float_matmul_params *p = j->p;
    float *y = j->y + place->at[2] + (ptrdiff_t)first * p->columns;
    memset(y, 0, sizeof(float) * (size_t)count * (size_t)p->columns);
    const tc_float_product product = {
        .rows = j->a + place->at[0] + (ptrdiff_t)first * p->depth,
        .row_step = p->depth,
        .count = count,
        .panel = j->b + place->at[1],
        .panel_step = p->columns,
        .depth = p->depth,
        .width = p->columns,
        .sums = y,
        .sum_step = p->columns,
    };
    tc_float_tile(&product);
    for (int32_t i = 0; i < count; i++) {
        scale_and_add(p, first + i, j->c, y + (ptrdiff_t)i * p->columns);
    }
}

/* Every part takes its turn among all blocks of rows of all products. */
static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_float_matmul_params *p = j->p;
    const int32_t inner = p->batch.rank - 1;
    int32_t turn = 0;
    tc_place place = {{0}, {0}};
    do {
        tc_place at = place;
        for (int32_t i = 0; i < p->batch.shape[inner]; i++) {
            for (int32_t first = 0; first < p->rows; first += BLOCK) {
                if (turn++ % p->parts == part) {
                    multiply(j, &at, first, tc_min(BLOCK, p->rows - first));
                }
            }
            for (int32_t k = 0; k < TC_MAX_OPERANDS; k++) {
                at.at[k] += p->batch.stride[k][inner];
            }
        }
    } while (tc_next(&p->batch, &place));
}

void tc_float_matmul(const tc_float_matmul_params *p, const void *a, const void *b, const void *c,
                     void *y, const tc_context *context)
{
    job j = {p, (const float *)a, (const float *)b, (const float *)c, (float *)y};
    tc_for_parts(context, p->parts, run_part, &j);
}
