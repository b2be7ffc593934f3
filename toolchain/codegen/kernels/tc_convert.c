#include "tc_convert.h"

#define TC_CENTRE(TYPE)                                                                            \
    do {                                                                                           \
        const TYPE *source = (const TYPE *)x;                                                      \
        for (int32_t i = 0; i < count; i++) {                                                      \
            values[i] = (int64_t)source[i] - zero_point;                                           \
        }                                                                                          \
    } while (0)

static void centre(tc_type type, const void *x, int32_t zero_point, int32_t count, int64_t *values)
{
    switch (type) {
    case TC_INT8:
        TC_CENTRE(int8_t);
        break;
    case TC_UINT8:
        TC_CENTRE(uint8_t);
        break;
    case TC_INT16:
        TC_CENTRE(int16_t);
        break;
    case TC_UINT16:
        TC_CENTRE(uint16_t);
        break;
    case TC_INT32:
        TC_CENTRE(int32_t);
        break;
    default:
        TC_CENTRE(int64_t);
        break;
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
