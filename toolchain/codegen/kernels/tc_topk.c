#include "tc_topk.h"

#include "tc_numbers.h"
#include "tc_series.h"

/* An integer that is as much larger or smaller as the number: 0 for both zeros. */
static int64_t key_of(double value)
{
    if (value != value) {
        return INT64_MAX;
    }
    const int64_t magnitude = (int64_t)tc_bits(tc_abs(value));
    return tc_is_negative(value) ? -magnitude : magnitude;
}

/* Keys of which the larger ones are looked for. */
static void load_keys(const tc_topk_params *p, const void *x, int32_t count, int64_t *keys)
{
    if (tc_is_real(p->type)) {
        double values[TC_CHUNK];
        tc_load_doubles(p->type, x, p->inner, count, values);
        for (int32_t i = 0; i < count; i++) {
            keys[i] = key_of(values[i]);
        }
    } else {
        tc_load_integers(p->type, x, p->inner, count, keys);
    }
    for (int32_t i = 0; p->smallest && i < count; i++) {
        keys[i] = ~keys[i]; /* the order turned around, without overflow */
    }
}

/* A place in the order: first the larger keys, then the lower indices. */
typedef struct {
    int64_t key;
    int32_t index;
} tc_ranked;

/* The first one behind `last`; all are behind index -1. */
static tc_ranked next_of(const tc_topk_params *p, const void *x, tc_ranked last)
{
    int64_t keys[TC_CHUNK];
    tc_ranked best = {0, -1};
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        load_keys(p, tc_at(x, p->type, (ptrdiff_t)first * p->inner), count, keys);
        for (int32_t i = 0; i < count; i++) {
            const int behind = last.index < 0 || keys[i] < last.key ||
                               (keys[i] == last.key && first + i > last.index);
            if (behind && (best.index < 0 || keys[i] > best.key)) {
                best.key = keys[i];
                best.index = first + i;
            }
        }
    }
    return best;
}

void tc_topk(const tc_topk_params *p, const void *x, void *y)
{
    int64_t *result = (int64_t *)y;
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            const ptrdiff_t from = (ptrdiff_t)outer * p->length * p->inner + inner;
            const ptrdiff_t to = (ptrdiff_t)outer * p->count * p->inner + inner;
            tc_ranked last = {0, -1};
            for (int32_t rank = 0; rank < p->count; rank++) {
                last = next_of(p, tc_at(x, p->type, from), last);
                result[to + (ptrdiff_t)rank * p->inner] = last.index;
            }
        }
    }
}
