/* Elements of any type to numbers to compute with, a chunk at a time. */
#ifndef TC_ELEMENTS_H
#define TC_ELEMENTS_H

#include "tc_base.h"

/* values[i] = x[i * step] - zero_point for i < count, exact: x holds at most 16 bits. */
void tc_widen(tc_type type, const void *x, int32_t step, int32_t zero_point, int32_t count,
              int32_t *values);

/* The same for x of 8 bits. */
void tc_widen16(tc_type type, const void *x, int32_t zero_point, int32_t count, int16_t *values);

#endif
