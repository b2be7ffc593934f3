/* Integers times one factor to stored integers (requantization of single values). */
#ifndef TC_SCALE_H
#define TC_SCALE_H

#include "tc_saturate.h"

/* One factor: float32, or exact as significand * 2**-shift. */
typedef struct {
    int32_t exact;
    float factor;
    int32_t significand;
    int32_t shift;
    tc_grid grid;
} tc_scale_params;

/* y[i] = saturate(round(values[i] * factor) + zero_point); count <= TC_CHUNK. */
void tc_scale(const tc_scale_params *p, const int64_t *values, int32_t count, void *y);

/* The same for values of 32 bits. */
void tc_scale32(const tc_scale_params *p, const int32_t *values, int32_t count, void *y);

#endif
