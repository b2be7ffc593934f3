#include "tc_numbers.h"

#define TC_LOAD(TYPE, RESULT)                                                                      \
    do {                                                                                           \
        const TYPE *source = (const TYPE *)x;                                                      \
        if (step == 1) {                                                                           \
            for (int32_t i = 0; i < count; i++) {                                                  \
                values[i] = (RESULT)source[i];                                                     \
            }                                                                                      \
        } else {                                                                                   \
            for (int32_t i = 0; i < count; i++) {                                                  \
                values[i] = (RESULT)source[(ptrdiff_t)i * step];                                   \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define TC_LOAD_INTEGER(RESULT)                                                                    \
    do {                                                                                           \
        switch (type) {                                                                            \
        case TC_INT8:                                                                              \
            TC_LOAD(int8_t, RESULT);                                                               \
            break;                                                                                 \
        case TC_UINT8:                                                                             \
            TC_LOAD(uint8_t, RESULT);                                                              \
            break;                                                                                 \
        case TC_INT16:                                                                             \
            TC_LOAD(int16_t, RESULT);                                                              \
            break;                                                                                 \
        case TC_UINT16:                                                                            \
            TC_LOAD(uint16_t, RESULT);                                                             \
            break;                                                                                 \
        case TC_INT32:                                                                             \
            TC_LOAD(int32_t, RESULT);                                                              \
            break;                                                                                 \
        default:                                                                                   \
            TC_LOAD(int64_t, RESULT);                                                              \
            break;                                                                                 \
        }                                                                                          \
    } while (0)

void tc_load_integers(tc_type type, const void *x, int32_t step, int32_t count, int64_t *values)
{
    TC_LOAD_INTEGER(int64_t);
}

void tc_load_doubles(tc_type type, const void *x, int32_t step, int32_t count, double *values)
{
    if (type == TC_FLOAT32) {
        TC_LOAD(float, double);
    } else if (type == TC_FLOAT64) {
        TC_LOAD(double, double);
    } else {
        TC_LOAD_INTEGER(double);
    }
}

void tc_load_floats(tc_type type, const void *x, int32_t step, int32_t count, float *values)
{
    if (type == TC_FLOAT32) {
        TC_LOAD(float, float);
    } else if (type == TC_FLOAT64) {
        TC_LOAD(double, float);
    } else {
        TC_LOAD_INTEGER(float);
    }
}

#define TC_STORE(TYPE)                                                                             \
    do {                                                                                           \
        TYPE *result = (TYPE *)y;                                                                  \
        for (int32_t i = 0; i < count; i++) {                                                      \
            result[i] = (TYPE)values[i];                                                           \
        }                                                                                          \
    } while (0)

void tc_store_integers(tc_type type, const int64_t *values, int32_t count, void *y)
{
    switch (type) {
    case TC_INT8:
        TC_STORE(int8_t);
        break;
    case TC_UINT8:
        TC_STORE(uint8_t);
        break;
    case TC_INT16:
        TC_STORE(int16_t);
        break;
    case TC_UINT16:
        TC_STORE(uint16_t);
        break;
    case TC_INT32:
        TC_STORE(int32_t);
        break;
    default:
        TC_STORE(int64_t);
        break;
    }
}
