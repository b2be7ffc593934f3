#include "tc_normalize.h"

#include <math.h>

#include "tc_elements.h"

enum { GAIN, OFFSET, X };

/* What all elements of one run have in common. */
typedef struct {
    int64_t sum;
    float inverse; /* of the root of the variance */
} statistics;

static statistics measure(const tc_normalize_params *p, const void *x)
{
    const tc_loops *loops = &p->elements;
    const int32_t last = loops->rank - 1;
    const int32_t step = loops->stride[X][last];
    int32_t values[TC_CHUNK];
    int64_t sum = 0;
    int64_t squares = 0;
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i += TC_CHUNK) {
            const int32_t count = tc_min(TC_CHUNK, loops->shape[last] - i);
            const ptrdiff_t at = place.at[X] + (ptrdiff_t)i * step;
            tc_widen(p->x_type, tc_at(x, p->x_type, at), step, p->x_zero_point, count, values);
            for (int32_t k = 0; k < count; k++) {
                sum += values[k];
                squares += (int64_t)values[k] * values[k];
            }
        }
    } while (tc_next(loops, &place));
    statistics found = {p->centred ? sum : 0, 0.0f};
    const int64_t variance = p->length * squares - found.sum * found.sum;
    if (variance != 0) {
        found.inverse = (float)(1.0 / sqrt((double)variance + p->epsilon));
    }
    return found;
}

#define TC_SPREAD(TYPE)                                                                            \
    do {                                                                                           \
        const TYPE *source = (const TYPE *)cells;                                                  \
        TYPE *result = (TYPE *)y;                                                                  \
        for (int32_t i = 0; i < count; i++) {                                                      \
            result[(ptrdiff_t)i * step] = source[i];                                               \
        }                                                                                          \
    } while (0)

/* tc_saturate to elements that are `step` apart. */
static void store(const float *values, int32_t count, const tc_grid *grid, void *y, int32_t step)
{
    if (step == 1) {
        tc_saturate(values, count, grid, y);
        return;
    }
    uint16_t cells[TC_CHUNK];
    tc_saturate(values, count, grid, cells);
    if (tc_size(grid->type) == 1) {
        TC_SPREAD(uint8_t);
    } else {
        TC_SPREAD(uint16_t);
    }
}

/* `count` neighbours in the innermost loop; their gains and offsets begin at gain and offset. */
static void normalize_chunk(const tc_normalize_params *p, statistics run, const float *gain,
                            const float *offset, const void *x, int32_t count, void *y)
{
    const tc_loops *loops = &p->elements;
    const int32_t last = loops->rank - 1;
    const ptrdiff_t gain_step = loops->stride[GAIN][last];
    const ptrdiff_t offset_step = loops->stride[OFFSET][last];
    const int32_t step = loops->stride[X][last];
    int32_t values[TC_CHUNK];
    float steps[TC_CHUNK];
    tc_widen(p->x_type, x, step, p->x_zero_point, count, values);
    for (int32_t i = 0; i < count; i++) {
        const int64_t deviation = (int64_t)p->length * values[i] - run.sum;
        const float normal = (float)deviation * run.inverse;
        steps[i] = normal * gain[i * gain_step];
    }
    if (offset != NULL) {
        for (int32_t i = 0; i < count; i++) {
            steps[i] += offset[i * offset_step];
        }
    }
    store(steps, count, &p->grid, y, step);
}

/* One run, whose first element has the places `first`. */
static void one_run(const tc_normalize_params *p, const ptrdiff_t *first, const void *x, void *y)
{
    const tc_loops *loops = &p->elements;
    const int32_t last = loops->rank - 1;
    const statistics run = measure(p, tc_at(x, p->x_type, first[X]));
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i += TC_CHUNK) {
            ptrdiff_t at[TC_MAX_OPERANDS];
            for (int32_t k = 0; k < TC_MAX_OPERANDS; k++) {
                at[k] = first[k] + place.at[k] + (ptrdiff_t)i * loops->stride[k][last];
            }
            normalize_chunk(p, run, p->gain + at[GAIN],
                            p->offset != NULL ? p->offset + at[OFFSET] : NULL,
                            tc_at(x, p->x_type, at[X]), tc_min(TC_CHUNK, loops->shape[last] - i),
                            tc_to(y, p->grid.type, at[X]));
        }
    } while (tc_next(loops, &place));
}

void tc_normalize(const tc_normalize_params *p, const void *x, void *y)
{
    const tc_loops *loops = &p->runs;
    const int32_t last = loops->rank - 1;
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i++) {
            ptrdiff_t at[TC_MAX_OPERANDS];
            for (int32_t k = 0; k < TC_MAX_OPERANDS; k++) {
                at[k] = place.at[k] + (ptrdiff_t)i * loops->stride[k][last];
            }
            one_run(p, at, x, y);
        }
    } while (tc_next(loops, &place));
}
