/* Between float32 and integers, and between integers of different parameters. */
#ifndef TC_CONVERT_H
#define TC_CONVERT_H

#include "tc_scale.h"

typedef struct {
    int32_t count;
    float scale;
    tc_grid grid;
} tc_quantize_params;

/* y = saturate(round(x / scale) + zero_point) */
void tc_quantize(const tc_quantize_params *p, const void *x, void *y);

typedef struct {
    int32_t count;
    tc_type x_type; /* any integer type */
    int32_t x_zero_point;
    float scale;
} tc_dequantize_params;

/* y = float32(x - zero_point) * scale */
void tc_dequantize(const tc_dequantize_params *p, const void *x, void *y);

typedef struct {
    int32_t count;
    tc_type x_type; /* any integer type */
    int32_t x_zero_point;
    tc_scale_params scale;
} tc_rescale_params;

/* y = saturate(round((x - x_zero_point) * factor) + zero_point) */
void tc_rescale(const tc_rescale_params *p, const void *x, void *y);

#endif
