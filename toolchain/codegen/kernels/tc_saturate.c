#include "tc_saturate.h"

/* Ties that went down go up. The difference is exact: it is at most a half. */
static inline int32_t round_half_up(float v)
{
    const int32_t nearest = tc_nearest(v);
    return v - (float)nearest == 0.5f ? nearest + 1 : nearest;
}

/* Ties that went towards zero go away from it. */
static inline int32_t round_half_away(float v)
{
    const int32_t nearest = tc_nearest(v);
    const int32_t away = v < 0.0f ? -1 : 1;
    return v - (float)nearest == 0.5f * (float)away ? nearest + away : nearest;
}

/* Bounds are integers, so that clamping before rounding is the same, and keeps numbers small. */
#define TC_SATURATE(TYPE, ROUND)                                                                   \
    do {                                                                                           \
        TYPE *result = (TYPE *)y;                                                                  \
        for (int32_t i = 0; i < count; i++) {                                                      \
            float v = values[i];                                                                   \
            v = v > low ? v : low;                                                                 \
            v = v < high ? v : high;                                                               \
            result[i] = (TYPE)(ROUND(v) + zero_point);                                             \
        }                                                                                          \
    } while (0)

#define TC_SATURATE_TO(TYPE)                                                                       \
    do {                                                                                           \
        if (grid->rounding == TC_HALF_EVEN) {                                                      \
            TC_SATURATE(TYPE, tc_nearest);                                                         \
        } else if (grid->rounding == TC_HALF_UP) {                                                 \
            TC_SATURATE(TYPE, round_half_up);                                                      \
        } else {                                                                                   \
            TC_SATURATE(TYPE, round_half_away);                                                    \
        }                                                                                          \
    } while (0)

void tc_saturate(const float *values, int32_t count, const tc_grid *grid, void *y)
{
    const int32_t zero_point = grid->zero_point;
    const float low = (float)(grid->low - zero_point);
    const float high = (float)(grid->high - zero_point);
    switch (grid->type) {
    case TC_INT8:
        TC_SATURATE_TO(int8_t);
        break;
    case TC_UINT8:
        TC_SATURATE_TO(uint8_t);
        break;
    case TC_INT16:
        TC_SATURATE_TO(int16_t);
        break;
    default:
        TC_SATURATE_TO(uint16_t);
        break;
    }
}

#define TC_STORE(TYPE)                                                                             \
    do {                                                                                           \
        TYPE *restrict result = (TYPE *)y;                                                         \
        for (int32_t i = 0; i < count; i++) {                                                      \
            int64_t v = values[i];                                                                 \
            v = v > low ? v : low;                                                                 \
            v = v < high ? v : high;                                                               \
            result[i] = (TYPE)(v + zero_point);                                                    \
        }                                                                                          \
    } while (0)

void tc_store(const int64_t *values, int32_t count, const tc_grid *grid, void *y)
{
    const int64_t zero_point = grid->zero_point;
    const int64_t low = grid->low - zero_point;
    const int64_t high = grid->high - zero_point;
    switch (grid->type) {
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
    default:
        TC_STORE(int32_t);
        break;
    }
}
