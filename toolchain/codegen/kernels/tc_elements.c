#include "tc_elements.h"

#define TC_WIDEN(TYPE)                                                                             \
    do {                                                                                           \
        const TYPE *source = (const TYPE *)x;                                                      \
        if (step == 1) {                                                                           \
            for (int32_t i = 0; i < count; i++) {                                                  \
                values[i] = source[i] - zero_point;                                                \
            }                                                                                      \
        } else {                                                                                   \
            for (int32_t i = 0; i < count; i++) {                                                  \
                values[i] = source[(ptrdiff_t)i * step] - zero_point;                              \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void tc_widen(tc_type type, const void *x, int32_t step, int32_t zero_point, int32_t count,
              int32_t *values)
{
    switch (type) {
    case TC_INT8:
        TC_WIDEN(int8_t);
        break;
    case TC_UINT8:
        TC_WIDEN(uint8_t);
        break;
    case TC_INT16:
        TC_WIDEN(int16_t);
        break;
    default:
        TC_WIDEN(uint16_t);
        break;
    }
}

void tc_widen16(tc_type type, const void *x, int32_t zero_point, int32_t count, int16_t *values)
{
    if (type == TC_INT8) {
        const int8_t *source = (const int8_t *)x;
        for (int32_t i = 0; i < count; i++) {
            values[i] = (int16_t)(source[i] - zero_point);
        }
    } else {
        const uint8_t *source = (const uint8_t *)x;
        for (int32_t i = 0; i < count; i++) {
            values[i] = (int16_t)(source[i] - zero_point);
        }
    }
}
