/* Arithmetic on two tensors of any type, element by element, with broadcasting. */
#ifndef TC_ARITHMETIC_H
#define TC_ARITHMETIC_H

#include "tc_loops.h"

typedef enum {
    TC_DO_ADD,
    TC_DO_SUB,
    TC_DO_MUL,
    TC_DO_DIV, /* integers truncate towards 0; by 0 they give 0 */
    TC_DO_MIN,
    TC_DO_MAX,
    TC_DO_POW,  /* integers: 0 for exponents below 0 */
    TC_DO_PRELU /* a, or b * a where a < 0 */
} tc_arithmetic_kind;

typedef struct {
    tc_arithmetic_kind kind;
    tc_type type;   /* of a and y; integers wrap */
    tc_type b_type; /* another one for TC_DO_POW only */
    tc_loops loops; /* operands: a, b, y */
} tc_arithmetic_params;

void tc_arithmetic(const tc_arithmetic_params *p, const void *a, const void *b, void *y);

#endif
