/* Integers of any type as int64, for operators of float islands that take them, too. */
#ifndef TC_INTEGERS_H
#define TC_INTEGERS_H

#include "tc_base.h"

/* values[i] = x[i * step] for i < count. */
void tc_get_integers(tc_type type, const void *x, ptrdiff_t step, int32_t count, int64_t *values);

/* y[i * step] = the low bits of values[i] for i < count. */
void tc_put_integers(tc_type type, const int64_t *values, int32_t count, ptrdiff_t step, void *y);

#endif
