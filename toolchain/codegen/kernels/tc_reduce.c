#include "tc_reduce.h"

#include "tc_elements.h"

static void fold(tc_reduce_kind kind, const int32_t *values, int32_t count, int64_t *found)
{
    switch (kind) {
    case TC_REDUCE_SUM:
        for (int32_t i = 0; i < count; i++) {
            found[i] += values[i];
        }
        break;
    case TC_REDUCE_MAX:
        for (int32_t i = 0; i < count; i++) {
            found[i] = values[i] > found[i] ? values[i] : found[i];
        }
        break;
    case TC_REDUCE_MIN:
        for (int32_t i = 0; i < count; i++) {
            found[i] = values[i] < found[i] ? values[i] : found[i];
        }
        break;
    }
}

/* `count` results at once: those of x[0], x[step], ... and all that lies behind each of them. */
static void reduce_chunk(const tc_reduce_params *p, const void *x, int32_t step, int32_t count,
                         int64_t *found)
{
    const int64_t start = p->kind == TC_REDUCE_SUM   ? 0
                          : p->kind == TC_REDUCE_MAX ? INT32_MIN
                                                     : INT32_MAX;
    for (int32_t i = 0; i < count; i++) {
        found[i] = start;
    }
    const tc_loops *loops = &p->reduced;
    const int32_t last = loops->rank - 1;
    int32_t values[TC_CHUNK];
    tc_place place = {{0}, {0}};
    do {
        for (int32_t k = 0; k < loops->shape[last]; k++) {
            const ptrdiff_t at = place.at[0] + (ptrdiff_t)k * loops->stride[0][last];
            tc_widen(p->x_type, tc_at(x, p->x_type, at), step, p->x_zero_point, count, values);
            fold(p->kind, values, count, found);
        }
    } while (tc_next(loops, &place));
}

void tc_reduce(const tc_reduce_params *p, const void *x, void *y)
{
    const tc_loops *loops = &p->kept;
    const int32_t last = loops->rank - 1;
    const int32_t step = loops->stride[0][last];
    int64_t found[TC_CHUNK];
    ptrdiff_t done = 0;
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i += TC_CHUNK) {
            const int32_t count = tc_min(TC_CHUNK, loops->shape[last] - i);
            const ptrdiff_t at = place.at[0] + (ptrdiff_t)i * step;
            reduce_chunk(p, tc_at(x, p->x_type, at), step, count, found);
            tc_scale(&p->scale, found, count, tc_to(y, p->scale.grid.type, done));
            done += count;
        }
    } while (tc_next(loops, &place));
}

static void find_chunk(const tc_arg_extreme_params *p, const void *x, int32_t step, int32_t count,
                       int64_t *found)
{
    int32_t values[TC_CHUNK];
    int32_t best[TC_CHUNK];
    for (int32_t k = 0; k < p->length; k++) {
        tc_widen(p->x_type, tc_at(x, p->x_type, (ptrdiff_t)k * p->step), step, 0, count, values);
        for (int32_t i = 0; i < count; i++) {
            const int32_t value = p->smallest ? -values[i] : values[i];
            if (k == 0 || value > best[i] || (p->last && value == best[i])) {
                best[i] = value;
                found[i] = k;
            }
        }
    }
}

void tc_arg_extreme(const tc_arg_extreme_params *p, const void *x, void *y)
{
    const tc_loops *loops = &p->kept;
    const int32_t last = loops->rank - 1;
    const int32_t step = loops->stride[0][last];
    int64_t *result = (int64_t *)y;
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i += TC_CHUNK) {
            const int32_t count = tc_min(TC_CHUNK, loops->shape[last] - i);
            const ptrdiff_t at = place.at[0] + (ptrdiff_t)i * step;
            find_chunk(p, tc_at(x, p->x_type, at), step, count, result);
            result += count;
        }
    } while (tc_next(loops, &place));
}
