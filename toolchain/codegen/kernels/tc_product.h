/* Rows of integers times panels of weights: what convolutions and matrix products do. */
#ifndef TC_PRODUCT_H
#define TC_PRODUCT_H

#include "tc_finish.h"

/* Rows that are prepared before they are multiplied. */
enum { TC_MOST_ROWS = 64 };

/*
 * Scales that change within a sum: a row is `taps` runs of `channels` elements, and every `size`
 * of these (the last ones of a run may be fewer) have a factor and a zero point for each column:
 * [matrix][block][column]. factor 0: there are no such blocks.
 */
typedef struct {
    int32_t taps;
    int32_t channels;
    int32_t size;
    const float *factor;
    const int32_t *zero_point; /* 0: none */
    const float *bias;         /* one for each column, of the float32 total; 0: none */
} tc_blocks;

/* Matrices of weights are panels of up to TC_COLUMNS columns in a row, each [row][column]. */
typedef struct {
    int32_t depth;    /* rows of a matrix */
    int32_t columns;  /* of a matrix */
    int32_t row_step; /* elements from one row to multiply to the next; see tc_tile.h */
    int32_t wide;     /* rows are of 32 bits and sums of 64, not of 16 and 32 */
    tc_type type;     /* of weights: TC_INT8, or in wide products TC_INT16 */
    const void *weights;       /* 0: they are computed */
    const int32_t *zero_point; /* of weights, one for each column; 0: none */
    tc_blocks blocks;
    tc_finish_params finish;
} tc_product_params;

/* Bytes of one element of a row. */
static inline int32_t tc_row_size(const tc_product_params *p) { return p->wide ? 4 : 2; }

/*
 * `count` rows times the matrix of that number, which lies at `panels`. Its column c is column
 * `first` + c of biases, factors and outputs; row r goes to places[r] + `first` and what follows.
 */
void tc_product(const tc_product_params *p, const void *rows, int32_t count, const void *panels,
                int32_t matrix, int32_t first, const ptrdiff_t *places, void *y);

/* `count` neighbouring elements of x, centred, to a row. */
void tc_fill_row(const tc_product_params *p, tc_type x_type, const void *x, int32_t zero_point,
                 int32_t count, void *row);

#endif
