/* Nested loops over tensors with strides: broadcasting, transposing, slicing. */
#ifndef TC_LOOPS_H
#define TC_LOOPS_H

#include "tc_base.h"

enum { TC_MAX_RANK = 8, TC_MAX_OPERANDS = 3 };

/* Loops from the outermost to the innermost; strides of every operand in its elements. */
typedef struct {
    int32_t rank;
    int32_t shape[TC_MAX_RANK];
    int32_t stride[TC_MAX_OPERANDS][TC_MAX_RANK];
} tc_loops;

/* Where the loops but the innermost one are. */
typedef struct {
    int32_t index[TC_MAX_RANK];
    ptrdiff_t at[TC_MAX_OPERANDS];
} tc_place;

/* The next run of the innermost loop; 0 behind the last one. Begin with a place of zeros. */
static inline int tc_next(const tc_loops *loops, tc_place *place)
{
    for (int32_t axis = loops->rank - 2; axis >= 0; axis--) {
        for (int32_t k = 0; k < TC_MAX_OPERANDS; k++) {
            place->at[k] += loops->stride[k][axis];
        }
        if (++place->index[axis] < loops->shape[axis]) {
            return 1;
        }
        for (int32_t k = 0; k < TC_MAX_OPERANDS; k++) {
            place->at[k] -= (ptrdiff_t)loops->stride[k][axis] * loops->shape[axis];
        }
        place->index[axis] = 0;
    }
    return 0;
}

#endif
