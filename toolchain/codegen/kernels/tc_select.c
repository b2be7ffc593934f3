#include "tc_select.h"

#define TC_SELECT_RUN(TYPE)                                                                        \
    do {                                                                                           \
        const TYPE *source = (const TYPE *)a + place.at[1];                                        \
        TYPE *result = (TYPE *)y + place.at[2];                                                    \
        for (int32_t i = 0; i < loops->shape[last]; i++) {                                         \
            if (holds[(ptrdiff_t)i * loops->stride[0][last]] != 0) {                               \
                result[i] = source[(ptrdiff_t)i * loops->stride[1][last]];                         \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void tc_select(const tc_select_params *p, const void *condition, const void *a, void *y)
{
    const tc_loops *loops = &p->loops;
    const int32_t last = loops->rank - 1;
    tc_place place = {{0}, {0}};
    do {
        const uint8_t *holds = (const uint8_t *)condition + place.at[0];
        switch (p->size) {
        case 1:
            TC_SELECT_RUN(uint8_t);
            break;
        case 2:
            TC_SELECT_RUN(uint16_t);
            break;
        case 4:
            TC_SELECT_RUN(uint32_t);
            break;
        default:
            TC_SELECT_RUN(uint64_t);
            break;
        }
    } while (tc_next(loops, &place));
}
