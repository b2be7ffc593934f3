/* Elements where a condition holds; the others stay as they are. */
#ifndef TC_SELECT_H
#define TC_SELECT_H

#include "tc_loops.h"

typedef struct {
    int32_t size;   /* bytes of one element: 1, 2, 4 or 8 */
    tc_loops loops; /* operands: condition, a, y */
} tc_select_params;

/* y = a where condition (uint8_t) is not 0 */
void tc_select(const tc_select_params *p, const void *condition, const void *a, void *y);

#endif
