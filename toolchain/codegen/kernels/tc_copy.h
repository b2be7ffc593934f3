/* Elements from one place to another, in another order: transpose, slice, concat, expand. */
#ifndef TC_COPY_H
#define TC_COPY_H

#include "tc_loops.h"

typedef struct {
    int32_t size;     /* bytes of one element: 1, 2, 4 or 8 */
    int32_t x_offset; /* elements before the first one read */
    int32_t y_offset; /* elements before the first one written */
    tc_loops loops;   /* operands: x, y */
} tc_copy_params;

void tc_copy(const tc_copy_params *p, const void *x, void *y);

#endif
