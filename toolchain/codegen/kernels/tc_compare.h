/* Comparison of two tensors of one type, element by element, with broadcasting. */
#ifndef TC_COMPARE_H
#define TC_COMPARE_H

#include "tc_loops.h"

typedef enum {
    TC_IS_EQUAL,
    TC_IS_GREATER,
    TC_IS_GREATEROREQUAL,
    TC_IS_LESS,
    TC_IS_LESSOREQUAL,
    TC_IS_AND, /* neither is 0 */
    TC_IS_OR   /* one is not 0 */
} tc_compare_kind;

typedef struct {
    tc_compare_kind kind;
    tc_type type;   /* of a and b */
    tc_loops loops; /* operands: a, b, y */
} tc_compare_params;

/* y = 1 where it is true, else 0: uint8_t */
void tc_compare(const tc_compare_params *p, const void *a, const void *b, void *y);

#endif
