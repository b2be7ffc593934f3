#include "tc_float_reduce.h"

#include <math.h>

#include "tc_integers.h"
#include "tc_series.h"

/* Results that are computed side by side, each in its own order: their elements in x are `step`
   apart, those in y `to_step`. */
typedef struct {
    int32_t count;
    ptrdiff_t step;
    ptrdiff_t to_step;
} row;

static float first_total(tc_reduction kind)
{
    switch (kind) {
    case TC_REDUCE_PROD:
        return 1.0f;
    case TC_REDUCE_MAX:
        return -INFINITY;
    case TC_REDUCE_MIN:
        return INFINITY;
    default:
        return 0.0f;
    }
}

/* One more element for every result; `offset` is what LOG_SUM_EXP takes away. */
static void fold(tc_reduction kind, const float *x, row r, const float *offset, float *total)
{
    switch (kind) {
    case TC_REDUCE_PROD:
        for (int32_t i = 0; i < r.count; i++) {
            total[i] *= x[i * r.step];
        }
        break;
    case TC_REDUCE_MAX:
        for (int32_t i = 0; i < r.count; i++) {
            const float v = x[i * r.step];
            total[i] = v > total[i] || v != v ? v : total[i];
        }
        break;
    case TC_REDUCE_MIN:
        for (int32_t i = 0; i < r.count; i++) {
            const float v = x[i * r.step];
            total[i] = v < total[i] || v != v ? v : total[i];
        }
        break;
    case TC_REDUCE_L1:
        for (int32_t i = 0; i < r.count; i++) {
            const float v = x[i * r.step];
            total[i] += v < 0 ? -v : v;
        }
        break;
    case TC_REDUCE_L2:
    case TC_REDUCE_SUM_SQUARE:
        for (int32_t i = 0; i < r.count; i++) {
            total[i] += x[i * r.step] * x[i * r.step];
        }
        break;
    case TC_REDUCE_LOG_SUM_EXP:
        for (int32_t i = 0; i < r.count; i++) {
            const float d = x[i * r.step] - offset[i];
            total[i] += (float)tc_exp((double)d);
        }
        break;
    default:
        for (int32_t i = 0; i < r.count; i++) {
            total[i] += x[i * r.step];
        }
        break;
    }
}

/* All elements of some results. */
static void fold_all(const tc_float_reduce_params *p, tc_reduction kind, const float *x, row r,
                     const float *offset, float *total)
{
    const int32_t inner = p->reduced.rank - 1;
    for (int32_t i = 0; i < r.count; i++) {
        total[i] = first_total(kind);
    }
    tc_place place = {{0}, {0}};
    do {
        const float *from = x + place.at[0];
        for (int32_t j = 0; j < p->reduced.shape[inner]; j++) {
            fold(kind, from + (ptrdiff_t)j * p->reduced.stride[0][inner], r, offset, total);
        }
    } while (tc_next(&p->reduced, &place));
}

static void reduce_floats(const tc_float_reduce_params *p, const float *x, row r, float *y)
{
    float total[TC_CHUNK];
    float offset[TC_CHUNK] = {0};
    if (p->kind == TC_REDUCE_LOG_SUM_EXP) {
        fold_all(p, TC_REDUCE_MAX, x, r, NULL, offset);
        for (int32_t i = 0; i < r.count; i++) {
            offset[i] = offset[i] - offset[i] == 0 ? offset[i] : 0; /* 0 if not finite */
        }
    }
    fold_all(p, p->kind, x, r, offset, total);
    for (int32_t i = 0; i < r.count; i++) {
        float result = total[i];
        if (p->kind == TC_REDUCE_MEAN) {
            result = result / (float)p->count;
        } else if (p->kind == TC_REDUCE_L2) {
            result = sqrtf(result);
        } else if (p->kind == TC_REDUCE_LOG_SUM_EXP) {
            result = (float)tc_log((double)result) + offset[i];
        }
        y[i * r.to_step] = result;
    }
}

static int64_t fold_integer(tc_reduction kind, int64_t total, int64_t value)
{
    switch (kind) {
    case TC_REDUCE_PROD:
        return (int64_t)((uint64_t)total * (uint64_t)value);
    case TC_REDUCE_MAX:
        return value > total ? value : total;
    case TC_REDUCE_MIN:
        return value < total ? value : total;
    default:
        return (int64_t)((uint64_t)total + (uint64_t)value);
    }
}

static void reduce_integers(const tc_float_reduce_params *p, const void *x, row r, void *y)
{
    const int32_t inner = p->reduced.rank - 1;
    const int64_t first[] = {0, 1, INT64_MIN, INT64_MAX};
    int64_t total[TC_CHUNK];
    int64_t values[TC_CHUNK];
    for (int32_t i = 0; i < r.count; i++) {
        total[i] = first[p->kind];
    }
    tc_place place = {{0}, {0}};
    do {
        for (int32_t j = 0; j < p->reduced.shape[inner]; j++) {
            const ptrdiff_t at = place.at[0] + (ptrdiff_t)j * p->reduced.stride[0][inner];
            tc_get_integers(p->type, tc_at(x, p->type, at), r.step, r.count, values);
            for (int32_t i = 0; i < r.count; i++) {
                total[i] = fold_integer(p->kind, total[i], values[i]);
            }
        }
    } while (tc_next(&p->reduced, &place));
    tc_put_integers(p->type, total, r.count, r.to_step, y);
}

void tc_float_reduce(const tc_float_reduce_params *p, const void *x, void *y)
{
    const int32_t inner = p->kept.rank - 1;
    row r = {0, p->kept.stride[0][inner], p->kept.stride[1][inner]};
    tc_place place = {{0}, {0}};
    do {
        for (int32_t first = 0; first < p->kept.shape[inner]; first += TC_CHUNK) {
            r.count = tc_min(TC_CHUNK, p->kept.shape[inner] - first);
            const void *from = tc_at(x, p->type, place.at[0] + first * r.step);
            void *to = tc_to(y, p->type, place.at[1] + first * r.to_step);
            if (p->type == TC_FLOAT32) {
                reduce_floats(p, (const float *)from, r, (float *)to);
            } else {
                reduce_integers(p, from, r, to);
            }
        }
    } while (tc_next(&p->kept, &place));
}
