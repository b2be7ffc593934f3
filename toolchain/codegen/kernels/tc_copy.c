#include "tc_copy.h"

#include <string.h>

#define TC_COPY_RUN(TYPE)                                                                          \
    do {                                                                                           \
        const TYPE *source = (const TYPE *)from;                                                   \
        TYPE *target = (TYPE *)to;                                                                 \
        for (int32_t i = 0; i < count; i++) {                                                      \
            target[(ptrdiff_t)i * y_step] = source[(ptrdiff_t)i * x_step];                         \
        }                                                                                          \
    } while (0)

static void copy_run(int32_t size, const void *from, int32_t x_step, void *to, int32_t y_step,
                     int32_t count)
{
    if (x_step == 1 && y_step == 1) {
        memcpy(to, from, (size_t)count * (size_t)size);
        return;
    }
    switch (size) {
    case 1:
        TC_COPY_RUN(uint8_t);
        break;
    case 2:
        TC_COPY_RUN(uint16_t);
        break;
    case 4:
        TC_COPY_RUN(uint32_t);
        break;
    default:
        TC_COPY_RUN(uint64_t);
        break;
    }
}

void tc_copy(const tc_copy_params *p, const void *x, void *y)
{
    const tc_loops *loops = &p->loops;
    const int32_t last = loops->rank - 1;
    const unsigned char *from = (const unsigned char *)x + (ptrdiff_t)p->x_offset * p->size;
    unsigned char *to = (unsigned char *)y + (ptrdiff_t)p->y_offset * p->size;
    tc_place place = {{0}, {0}};
    do {
        copy_run(p->size, from + place.at[0] * p->size, loops->stride[0][last],
                 to + place.at[1] * p->size, loops->stride[1][last], loops->shape[last]);
    } while (tc_next(loops, &place));
}
