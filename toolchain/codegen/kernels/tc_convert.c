#include "tc_convert.h"

#include "tc_numbers.h"

/* values = x - zero_point; the difference of 32-bit numbers needs more. */
static void centre(tc_type type, const void *x, int32_t zero_point, int32_t count, int64_t *values)
{
    tc_load_integers(type, x, 1, count, values);
    for (int32_t i = 0; i < count; i++) {
        values[i] -= zero_point;
    }
}

void tc_quantize(const tc_quantize_params *p, const void *x, void *y)
{
    const float *source = (const float *)x;
    float steps[TC_CHUNK];
    for (int32_t first = 0; first < p->count; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->count - first);
        for (int32_t i = 0; i < count; i++) {
            steps[i] = source[first + i] / p->scale;
        }
        tc_saturate(steps, count, &p->grid, tc_to(y, p->grid.type, first));
    }
}

void tc_dequantize(const tc_dequantize_params *p, const void *x, void *y)
{
    float *result = (float *)y;
    int64_t values[TC_CHUNK];
    for (int32_t first = 0; first < p->count; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->count - first);
        centre(p->x_type, tc_at(x, p->x_type, first), p->x_zero_point, count, values);
        for (int32_t i = 0; i < count; i++) {
            result[first + i] = (float)values[i] * p->scale;
        }
    }
}

void tc_rescale(const tc_rescale_params *p, const void *x, void *y)
{
    int64_t values[TC_CHUNK];
    for (int32_t first = 0; first < p->count; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->count - first);
        centre(p->x_type, tc_at(x, p->x_type, first), p->x_zero_point, count, values);
        tc_scale(&p->scale, values, count, tc_to(y, p->scale.grid.type, first));
    }
}
