/* Product of matrices of integers; the second one is constant or computed. */
#ifndef TC_MATMUL_H
#define TC_MATMUL_H

#include "tc_loops.h"
#include "tc_product.h"

typedef struct {
    tc_loops batch; /* pairs of matrices; operands: a, b, y, in elements */
    int32_t rows;
    tc_type a_type;
    int32_t a_zero_point;
    tc_type b_type;     /* of a computed b; its zero points are those of b as signed integers */
    int32_t block_rows; /* rows that are widened at a time, at most TC_MOST_ROWS */
    int32_t parts;      /* for parallel_for; each has scratch of its own */
    ptrdiff_t scratch_bytes; /* of one part */
    tc_product_params product;
} tc_matmul_params;

/*
 * y = a @ b for every index of the batch loops. Scratch of a part: block_rows rows, and behind
 * them a computed b as panels. b is not read where it is constant.
 */
void tc_matmul(const tc_matmul_params *p, const void *a, const void *b, void *y, void *scratch,
               const tc_context *context);

#endif
