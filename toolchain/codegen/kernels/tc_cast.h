/* Elements of one type as those of another. */
#ifndef TC_CAST_H
#define TC_CAST_H

#include "tc_base.h"

typedef struct {
    int32_t count;
    tc_type x_type;
    tc_type y_type;
    int32_t to_bool; /* y = 1 where x is not 0, else 0 */
} tc_cast_params;

/*
 * Real to integer truncates towards 0, saturates and makes 0 of NaN; integer to integer keeps the
 * low bits; to a real type rounds half to even.
 */
void tc_cast(const tc_cast_params *p, const void *x, void *y);

#endif
