#include "tc_interpolate.h"

#include <string.h>

#include "tc_elements.h"

/* Elements of a run that are computed at a time. */
enum { MOST = 64 };

/* float32(x - x_zero_point) of `count` elements of a run, at one tap of every axis. */
static void load(const tc_interpolate_params *p, const void *x, const int32_t *index,
                 const int32_t *tap, int32_t first, int32_t count, float *values)
{
    ptrdiff_t at = first;
    for (int32_t k = 0; k < p->rank; k++) {
        const tc_resampled_axis *axis = &p->axes[k];
        const int32_t position =
            axis->taps != 0 ? axis->positions[tap[k] * axis->extent + index[k]] : index[k];
        at += (ptrdiff_t)position * axis->x_step;
    }
    int32_t steps[MOST];
    tc_widen(p->x_type, tc_at(x, p->x_type, at), 1, p->x_zero_point, count, steps);
    for (int32_t i = 0; i < count; i++) {
        values[i] = (float)steps[i];
    }
}

/*
 * The sum over the taps of the last axis of sums over those of the axis before it, and so on, for
 * `count` elements of a run: whenever a sum is complete it is a term of the next axis' sum.
 */
static void interpolate(const tc_interpolate_params *p, const void *x, const int32_t *index,
                        int32_t first, int32_t count, float *values)
{
    float sums[TC_MAX_RANK][MOST];
    int32_t tap[TC_MAX_RANK] = {0};
    int32_t level;
    do {
        load(p, x, index, tap, first, count, values);
        for (level = 0; level < p->sums; level++) {
            const int32_t k = p->order[level];
            const tc_resampled_axis *axis = &p->axes[k];
            const float weight = axis->weights[tap[k] * axis->extent + index[k]];
            float *sum = sums[level];
            for (int32_t i = 0; i < count; i++) {
                const float term = values[i] * weight;
                sum[i] = tap[k] == 0 ? term : sum[i] + term;
            }
            if (++tap[k] < axis->taps) {
                break;
            }
            tap[k] = 0;
            memcpy(values, sum, (size_t)count * sizeof(float));
        }
    } while (level < p->sums);
}

static void fill(const tc_interpolate_params *p, int32_t count, void *y)
{
    int64_t steps[MOST];
    for (int32_t i = 0; i < count; i++) {
        steps[i] = (int64_t)p->fill - p->grid.zero_point;
    }
    tc_store(steps, count, &p->grid, y);
}

static int is_outside(const tc_interpolate_params *p, const int32_t *index)
{
    for (int32_t k = 0; k < p->rank; k++) {
        if (p->axes[k].outside != NULL && p->axes[k].outside[index[k]] != 0) {
            return 1;
        }
    }
    return 0;
}

static void one_run(const tc_interpolate_params *p, const void *x, const int32_t *index, void *y)
{
    const int outside = is_outside(p, index);
    float values[MOST];
    for (int32_t first = 0; first < p->run; first += MOST) {
        const int32_t count = tc_min(MOST, p->run - first);
        void *to = tc_to(y, p->grid.type, first);
        if (outside) {
            fill(p, count, to);
            continue;
        }
        interpolate(p, x, index, first, count, values);
        for (int32_t i = 0; i < count; i++) {
            values[i] *= p->factor;
        }
        tc_saturate(values, count, &p->grid, to);
    }
}

void tc_interpolate(const tc_interpolate_params *p, const void *x, void *y)
{
    int32_t index[TC_MAX_RANK] = {0};
    ptrdiff_t at = 0;
    int32_t k;
    do {
        one_run(p, x, index, tc_to(y, p->grid.type, at));
        at += p->run;
        for (k = p->rank - 1; k >= 0 && ++index[k] == p->axes[k].extent; k--) {
            index[k] = 0;
        }
    } while (k >= 0);
}
