#include "tc_float_reduce.h"

#include <math.h>

#include "tc_numbers.h"
#include "tc_series.h"

/* Neighbouring results, computed side by side, each in its own order: how many, and how far apart
   their elements are in x. */
typedef struct {
    int32_t count;
    int32_t step;
} row;

static float first_total(tc_fold_kind kind)
{
    switch (kind) {
    case TC_FOLD_PROD:
        return 1.0f;
    case TC_FOLD_MAX:
        return -INFINITY;
    case TC_FOLD_MIN:
        return INFINITY;
    default:
        return 0.0f;
    }
}

/* One more element for every result; `offset` is what LOG_SUM_EXP takes away. */
static void fold(tc_fold_kind kind, const float *x, row r, const float *offset, float *total)
{
    switch (kind) {
    case TC_FOLD_PROD:
        for (int32_t i = 0; i < r.count; i++) {
            total[i] *= x[(ptrdiff_t)i * r.step];
        }
        break;
    case TC_FOLD_MAX:
        for (int32_t i = 0; i < r.count; i++) {
            const float v = x[(ptrdiff_t)i * r.step];
            total[i] = v > total[i] || v != v ? v : total[i];
        }
        break;
    case TC_FOLD_MIN:
        for (int32_t i = 0; i < r.count; i++) {
            const float v = x[(ptrdiff_t)i * r.step];
            total[i] = v < total[i] || v != v ? v : total[i];
        }
        break;
    case TC_FOLD_L1:
        for (int32_t i = 0; i < r.count; i++) {
            const float v = x[(ptrdiff_t)i * r.step];
            total[i] += v < 0 ? -v : v;
        }
        break;
    case TC_FOLD_L2:
    case TC_FOLD_SUM_SQUARE:
        for (int32_t i = 0; i < r.count; i++) {
            total[i] += x[(ptrdiff_t)i * r.step] * x[(ptrdiff_t)i * r.step];
        }
        break;
    case TC_FOLD_LOG_SUM_EXP:
        for (int32_t i = 0; i < r.count; i++) {
            const float d = x[(ptrdiff_t)i * r.step] - offset[i];
            total[i] += (float)tc_exp((double)d);
        }
        break;
    default:
        for (int32_t i = 0; i < r.count; i++) {
            total[i] += x[(ptrdiff_t)i * r.step];
        }
        break;
    }
}

/* All elements of some results. */
static void fold_all(const tc_float_reduce_params *p, tc_fold_kind kind, const float *x, row r,
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
    if (p->kind == TC_FOLD_LOG_SUM_EXP) {
        fold_all(p, TC_FOLD_MAX, x, r, NULL, offset);
        for (int32_t i = 0; i < r.count; i++) {
            offset[i] = offset[i] - offset[i] == 0 ? offset[i] : 0; /* 0 if not finite */
        }
    }
    fold_all(p, p->kind, x, r, offset, total);
    for (int32_t i = 0; i < r.count; i++) {
        float result = total[i];
        if (p->kind == TC_FOLD_MEAN) {
            result = result / (float)p->count;
        } else if (p->kind == TC_FOLD_L2) {
            result = sqrtf(result);
        } else if (p->kind == TC_FOLD_LOG_SUM_EXP) {
            result = (float)tc_log((double)result) + offset[i];
        }
        y[i] = result;
    }
}

static int64_t fold_integer(tc_fold_kind kind, int64_t total, int64_t value)
{
    switch (kind) {
    case TC_FOLD_PROD:
        return (int64_t)((uint64_t)total * (uint64_t)value);
    case TC_FOLD_MAX:
        return value > total ? value : total;
    case TC_FOLD_MIN:
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
            tc_load_integers(p->type, tc_at(x, p->type, at), r.step, r.count, values);
            for (int32_t i = 0; i < r.count; i++) {
                total[i] = fold_integer(p->kind, total[i], values[i]);
            }
        }
    } while (tc_next(&p->reduced, &place));
    tc_store_integers(p->type, total, r.count, y);
}

void tc_float_reduce(const tc_float_reduce_params *p, const void *x, void *y)
{
    const int32_t inner = p->kept.rank - 1;
    row r = {0, p->kept.stride[0][inner]};
    tc_place place = {{0}, {0}};
    do {
        for (int32_t first = 0; first < p->kept.shape[inner]; first += TC_CHUNK) {
            r.count = tc_min(TC_CHUNK, p->kept.shape[inner] - first);
            const void *from = tc_at(x, p->type, place.at[0] + (ptrdiff_t)first * r.step);
            void *to = tc_to(y, p->type, place.at[1] + first);
            if (p->type == TC_FLOAT32) {
                reduce_floats(p, (const float *)from, r, (float *)to);
            } else {
                reduce_integers(p, from, r, to);
            }
        }
    } while (tc_next(&p->kept, &place));
}
