/* Sum, difference or product of two tensors, element by element, with broadcasting. */
#ifndef TC_BINARY_H
#define TC_BINARY_H

#include "tc_loops.h"
#include "tc_scale.h"

typedef enum { TC_ADD, TC_SUB, TC_MUL } tc_binary_kind;

typedef struct {
    tc_binary_kind kind;
    tc_type a_type;
    tc_type b_type;
    int32_t a_zero_point;
    int32_t b_zero_point;
    /* Sums: of steps of the output, float32, or exact over the shift of `scale`. */
    float a_factor;
    float b_factor;
    int64_t a_significand;
    int64_t b_significand;
    tc_scale_params scale; /* of a product; of an exact sum */
    tc_loops loops;        /* operands: a, b, y */
} tc_binary_params;

void tc_binary(const tc_binary_params *p, const void *a, const void *b, void *y);

#endif
