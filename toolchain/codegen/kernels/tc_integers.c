#include "tc_integers.h"

#define TC_GET(TYPE)                                                                               \
    do {                                                                                           \
        const TYPE *from = (const TYPE *)x;                                                        \
        for (int32_t i = 0; i < count; i++) {                                                      \
            values[i] = from[i * step];                                                            \
        }                                                                                          \
    } while (0)

void tc_get_integers(tc_type type, const void *x, ptrdiff_t step, int32_t count, int64_t *values)
{
    switch (type) {
    case TC_INT8:
        TC_GET(int8_t);
        break;
    case TC_UINT8:
        TC_GET(uint8_t);
        break;
    case TC_INT16:
        TC_GET(int16_t);
        break;
    case TC_UINT16:
        TC_GET(uint16_t);
        break;
    case TC_INT32:
        TC_GET(int32_t);
        break;
    default:
        TC_GET(int64_t);
        break;
    }
}

/* From an unsigned type the low bits are kept; compilers keep them for signed ones, too. */
#define TC_PUT(TYPE, UNSIGNED)                                                                     \
    do {                                                                                           \
        TYPE *to = (TYPE *)y;                                                                      \
        for (int32_t i = 0; i < count; i++) {                                                      \
            to[i * step] = (TYPE)(UNSIGNED)values[i];                                              \
        }                                                                                          \
    } while (0)

void tc_put_integers(tc_type type, const int64_t *values, int32_t count, ptrdiff_t step, void *y)
{
    switch (type) {
    case TC_INT8:
        TC_PUT(int8_t, uint8_t);
        break;
    case TC_UINT8:
        TC_PUT(uint8_t, uint8_t);
        break;
    case TC_INT16:
        TC_PUT(int16_t, uint16_t);
        break;
    case TC_UINT16:
        TC_PUT(uint16_t, uint16_t);
        break;
    case TC_INT32:
        TC_PUT(int32_t, uint32_t);
        break;
    default:
        TC_PUT(int64_t, uint64_t);
        break;
    }
}
