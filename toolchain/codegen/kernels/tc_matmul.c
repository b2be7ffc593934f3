#include "tc_matmul.h"

typedef struct {
    const tc_matmul_params *p;
    const void *a;
    const void *b;
    void *y;
    unsigned char *scratch;
} job;

/* Neighbours of b, as signed integers: unsigned ones are lowered by half of their range. */
#define TC_PACK(NAME, FROM, TO, LOWERED)                                                           \
    static void NAME(const FROM *b, int32_t count, TO *panels)                                     \
    {                                                                                              \
        for (int32_t i = 0; i < count; i++) {                                                      \
            panels[i] = (TO)(b[i] - LOWERED);                                                      \
        }                                                                                          \
    }

TC_PACK(pack_i8, int8_t, int8_t, 0)
TC_PACK(pack_u8, uint8_t, int8_t, 128)
TC_PACK(pack_i16, int16_t, int16_t, 0)
TC_PACK(pack_u16, uint16_t, int16_t, 32768)

/* A computed matrix as panels. */
static void pack(const tc_matmul_params *p, const void *b, void *panels)
{
    const tc_product_params *product = &p->product;
    ptrdiff_t to = 0;
    for (int32_t c = 0; c < product->columns; c += TC_COLUMNS) {
        const int32_t width = tc_min(TC_COLUMNS, product->columns - c);
        for (int32_t k = 0; k < product->depth; k++, to += width) {
            const void *from = tc_at(b, p->b_type, (ptrdiff_t)k * product->columns + c);
            void *panel = tc_to(panels, product->type, to);
            if (p->b_type == TC_INT8) {
                pack_i8((const int8_t *)from, width, (int8_t *)panel);
            } else if (p->b_type == TC_UINT8) {
                pack_u8((const uint8_t *)from, width, (int8_t *)panel);
            } else if (p->b_type == TC_INT16) {
                pack_i16((const int16_t *)from, width, (int16_t *)panel);
            } else {
                pack_u16((const uint16_t *)from, width, (int16_t *)panel);
            }
        }
    }
}

/* One pair of matrices: every `step`-th block of rows, beginning with `block`. */
static void one_product(const job *j, const ptrdiff_t *at, const void *panels, int32_t block,
                        int32_t step, unsigned char *rows)
{
    const tc_matmul_params *p = j->p;
    const tc_product_params *product = &p->product;
    const ptrdiff_t row_bytes = (ptrdiff_t)product->row_step * tc_row_size(product);
    const int32_t matrix = (int32_t)(at[1] / ((ptrdiff_t)product->depth * product->columns));
    ptrdiff_t places[TC_MOST_ROWS];
    for (; block * p->block_rows < p->rows; block += step) {
        const int32_t first = block * p->block_rows;
        const int32_t some = tc_min(p->block_rows, p->rows - first);
        for (int32_t i = 0; i < some; i++) {
            const ptrdiff_t index = at[0] + (ptrdiff_t)(first + i) * product->depth;
            tc_fill_row(product, p->a_type, tc_at(j->a, p->a_type, index), p->a_zero_point,
                        product->depth, rows + i * row_bytes);
            places[i] = at[2] + (ptrdiff_t)(first + i) * product->columns;
        }
        tc_product(product, rows, some, panels, matrix, 0, places, j->y);
    }
}

/* Parts share the rows of a constant matrix, and the pairs of two computed ones. */
static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_matmul_params *p = j->p;
    const tc_product_params *product = &p->product;
    unsigned char *rows = j->scratch + part * p->scratch_bytes;
    unsigned char *packed =
        rows + (ptrdiff_t)p->block_rows * product->row_step * tc_row_size(product);
    const int32_t last = p->batch.rank - 1;
    tc_place place = {{0}, {0}};
    int32_t number = 0;
    do {
        ptrdiff_t at[TC_MAX_OPERANDS] = {place.at[0], place.at[1], place.at[2]};
        for (int32_t i = 0; i < p->batch.shape[last]; i++, number++) {
            if (product->weights != NULL) {
                one_product(j, at, tc_at(product->weights, product->type, at[1]), part, p->parts,
                            rows);
            } else if (number % p->parts == part) {
                pack(p, tc_at(j->b, p->b_type, at[1]), packed);
                one_product(j, at, packed, 0, 1, rows);
            }
            for (int32_t k = 0; k < TC_MAX_OPERANDS; k++) {
                at[k] += p->batch.stride[k][last];
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
