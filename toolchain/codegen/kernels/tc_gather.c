#include "tc_gather.h"

#include <string.h>

#include "tc_numbers.h"

/* Blocks from the place of the loops to the position that the indices from `first` on give. */
static ptrdiff_t offset(const tc_gather_params *p, const void *indices, ptrdiff_t first)
{
    int64_t index[TC_MAX_RANK];
    ptrdiff_t at = 0;
    tc_load_integers(p->index_type, tc_at(indices, p->index_type, first), 1, p->depth, index);
    for (int32_t k = 0; k < p->depth; k++) {
        int64_t position = index[k] < 0 ? index[k] + p->extent[k] : index[k];
        position = position < 0 ? 0 : position;
        position = position < p->extent[k] ? position : p->extent[k] - 1;
        at += (ptrdiff_t)position * p->stride[k];
    }
    return at;
}

void tc_gather(const tc_gather_params *p, const void *x, const void *indices, void *y)
{
    const tc_loops *loops = &p->loops;
    const int32_t last = loops->rank - 1;
    const unsigned char *source = (const unsigned char *)x;
    unsigned char *result = (unsigned char *)y;
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i++) {
            const ptrdiff_t step = i;
            const ptrdiff_t first = place.at[0] + step * loops->stride[0][last];
            const ptrdiff_t from = place.at[1] + step * loops->stride[1][last] +
                                   offset(p, indices, first);
            const ptrdiff_t to = place.at[2] + step * loops->stride[2][last];
            memcpy(result + to * p->bytes, source + from * p->bytes, (size_t)p->bytes);
        }
    } while (tc_next(loops, &place));
}

#define TC_ADD_TO(TYPE)                                                                            \
    do {                                                                                           \
        const TYPE *update = (const TYPE *)updates;                                                \
        TYPE *sum = (TYPE *)y;                                                                     \
        for (int32_t i = 0; i < count; i++) {                                                      \
            sum[i] = (TYPE)(sum[i] + update[i]);                                                   \
        }                                                                                          \
    } while (0)

/* Integers wrap: they are added as unsigned ones of their size. */
static void add_block(tc_type type, const void *updates, int32_t count, void *y)
{
    switch (type) {
    case TC_FLOAT32:
        TC_ADD_TO(float);
        break;
    case TC_FLOAT64:
        TC_ADD_TO(double);
        break;
    case TC_INT8:
    case TC_UINT8:
        TC_ADD_TO(uint8_t);
        break;
    case TC_INT16:
    case TC_UINT16:
        TC_ADD_TO(uint16_t);
        break;
    case TC_INT32:
        TC_ADD_TO(uint32_t);
        break;
    case TC_INT64:
        TC_ADD_TO(uint64_t);
        break;
    }
}

void tc_scatter(const tc_scatter_params *p, const void *indices, const void *updates, void *y)
{
    const tc_loops *loops = &p->to.loops;
    const int32_t last = loops->rank - 1;
    const int32_t bytes = p->to.bytes;
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i++) {
            const ptrdiff_t step = i;
            const ptrdiff_t first = place.at[0] + step * loops->stride[0][last];
            const ptrdiff_t to = place.at[1] + step * loops->stride[1][last] +
                                 offset(&p->to, indices, first);
            const ptrdiff_t from = place.at[2] + step * loops->stride[2][last];
            const unsigned char *source = (const unsigned char *)updates + from * bytes;
            unsigned char *result = (unsigned char *)y + to * bytes;
            if (p->add) {
                add_block(p->type, source, bytes / tc_size(p->type), result);
            } else {
                memcpy(result, source, (size_t)bytes);
            }
        }
    } while (tc_next(loops, &place));
}
