/* Products of float32 matrices: MatMul and Gemm. */
#ifndef TC_FLOAT_MATMUL_H
#define TC_FLOAT_MATMUL_H

#include "tc_loops.h"

typedef struct {
    tc_loops batch; /* operands: a, b, y, in elements; innermost loop included */
    int32_t rows;
    int32_t depth;
    int32_t columns;
    float alpha;
    float beta;
    int32_t c_row_step; /* 0: the same for all rows */
    int32_t c_column_step;
    int32_t parts; /* for parallel_for */
} tc_float_matmul_params;

/* y = alpha * (a @ b) + beta * c for every index of the batch loops; c may be 0. */
void tc_float_matmul(const tc_float_matmul_params *p, const void *a, const void *b, const void *c,
                     void *y, const tc_context *context);

#endif
