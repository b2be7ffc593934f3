/* Softmax of rows of integers, with integer exponentials. */
#ifndef TC_SOFTMAX_H
#define TC_SOFTMAX_H

#include "tc_saturate.h"

/*
 * Exponentials of an element's distance from the largest one of its row. Elements of 8 bits: low
 * has those of 0 .. 255, high is 0. Elements of 16 bits: high[distance / 256] * low[distance % 256]
 * rounded to a multiple of 2**30.
 */
typedef struct {
    int32_t rows;
    int32_t length; /* of a row */
    tc_type x_type;
    const int32_t *high;
    const int32_t *low;
    float factor;
    tc_grid grid;
} tc_softmax_params;

void tc_softmax(const tc_softmax_params *p, const void *x, void *y);

#endif
