/* Product of matrices of 8-bit integers; the second one is constant or computed. */
#ifndef TC_MATMUL_H
#define TC_MATMUL_H

#include "tc_loops.h"
#include "tc_elements.h"
#include "tc_tile.h"

typedef struct {
    tc_loops batch; /* operands: a, b, y, in elements; innermost loop included */
    int32_t rows;
    int32_t depth;
    int32_t columns;
    tc_type a_type;
    int32_t a_zero_point;
    tc_type b_type; /* of a computed b */
    /* A constant b: for every matrix panels of up to TC_COLUMNS columns, [row][column]. */
    const int8_t *weights;
    const int32_t *b_zero_point; /* one for each column, of b as int8; 0: none */
    int32_t block_rows;
    int32_t row_step;
    int32_t parts;
    int32_t scratch_bytes; /* of one part */
    tc_finish_params finish;
} tc_matmul_params;

/*
 * y = a @ b for every index of the batch loops. Scratch of a part: block_rows * row_step elements
 * of 16 bits, and for a computed b depth * columns bytes. b is not read where it is constant.
 */
void tc_matmul(const tc_matmul_params *p, const void *a, const void *b, void *y, void *scratch,
               const tc_context *context);

#endif
