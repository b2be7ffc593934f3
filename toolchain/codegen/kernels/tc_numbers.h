/* Elements of any type as float32, float64 or int64, a chunk at a time, and back. */
#ifndef TC_NUMBERS_H
#define TC_NUMBERS_H

#include "tc_base.h"

static inline int tc_is_real(tc_type type) { return type == TC_FLOAT32 || type == TC_FLOAT64; }

/* values[i] = x[i * step] for i < count; integers of any type, exact. */
void tc_load_integers(tc_type type, const void *x, int32_t step, int32_t count, int64_t *values);

/* The same from any type to float64. */
void tc_load_doubles(tc_type type, const void *x, int32_t step, int32_t count, double *values);

/* The same from any type to float32, rounded half to even. */
void tc_load_floats(tc_type type, const void *x, int32_t step, int32_t count, float *values);

/* y[i] = values[i], of which integers keep the low bits. */
void tc_store_integers(tc_type type, const int64_t *values, int32_t count, void *y);

#endif
