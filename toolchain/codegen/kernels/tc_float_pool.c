#include "tc_float_pool.h"

#include <math.h>

#include "tc_numbers.h"

/* Neighbouring windows, side by side: the first one's corner and how many they are. */
typedef struct {
    int32_t corner[TC_SPATIAL];
    int32_t count;
} strip;

/* One element for each of `count` windows. */
static void fold(const tc_float_pool_params *p, const void *x, int32_t count, float *found)
{
    const float *from = (const float *)x;
    const int32_t step = p->window.stride[2];
    for (int32_t i = 0; i < count; i++) {
        const float v = from[(ptrdiff_t)i * step];
        if (p->is_mean) {
            found[i] += v;
        } else {
            found[i] = v > found[i] || v != v ? v : found[i];
        }
    }
}

static void fold_integers(const tc_float_pool_params *p, const void *x, int32_t count,
                          int64_t *found)
{
    int64_t values[TC_CHUNK];
    tc_load_integers(p->type, x, p->window.stride[2], count, values);
    for (int32_t i = 0; i < count; i++) {
        found[i] = values[i] > found[i] ? values[i] : found[i];
    }
}

/* All elements of the windows that lie inside one line, row-major; floats or integers. */
static void fold_line(const tc_float_pool_params *p, const void *line, const strip *s,
                      float *found, int64_t *integers)
{
    const tc_window *w = &p->window;
    const int32_t step = w->stride[2];
    for (int32_t k = 0; k < w->kernel[2]; k++) {
        const int32_t at = s->corner[2] + k * w->dilation[2];
        if (at >= w->in[2]) {
            return;
        }
        const int32_t first = at < 0 ? (-at + step - 1) / step : 0;
        const int32_t end = tc_min(s->count, (w->in[2] - 1 - at) / step + 1);
        if (first >= end) {
            continue;
        }
        const void *from = tc_at(line, p->type, (ptrdiff_t)first * step + at);
        if (p->type == TC_FLOAT32) {
            fold(p, from, end - first, found + first);
        } else {
            fold_integers(p, from, end - first, integers + first);
        }
    }
}

static void fold_windows(const tc_float_pool_params *p, const void *plane, const strip *s,
                         float *found, int64_t *integers)
{
    const tc_window *w = &p->window;
    for (int32_t kd = 0; kd < w->kernel[0]; kd++) {
        const int32_t d = s->corner[0] + kd * w->dilation[0];
        for (int32_t kh = 0; kh < w->kernel[1]; kh++) {
            const int32_t h = s->corner[1] + kh * w->dilation[1];
            if (d >= 0 && d < w->in[0] && h >= 0 && h < w->in[1]) {
                const ptrdiff_t line = ((ptrdiff_t)d * w->in[1] + h) * w->in[2];
                fold_line(p, tc_at(plane, p->type, line), s, found, integers);
            }
        }
    }
}

/* Positions of a window along one axis that a mean counts. */
static int32_t counted(const tc_float_pool_params *p, int32_t axis, int32_t corner)
{
    const tc_window *w = &p->window;
    const int32_t begin = p->count_include_pad ? -w->pad[axis] : 0;
    const int32_t end = w->in[axis] + (p->count_include_pad ? p->pad_end[axis] : 0);
    if (corner >= begin && corner + (w->kernel[axis] - 1) * w->dilation[axis] < end) {
        return w->kernel[axis];
    }
    int32_t count = 0;
    for (int32_t k = 0; k < w->kernel[axis]; k++) {
        const int32_t at = corner + k * w->dilation[axis];
        count += at >= begin && at < end;
    }
    return count;
}

/* What padding of integers is. */
static int64_t smallest(tc_type type)
{
    switch (type) {
    case TC_UINT8:
    case TC_UINT16:
        return 0;
    case TC_INT8:
        return INT8_MIN;
    case TC_INT16:
        return INT16_MIN;
    case TC_INT32:
        return INT32_MIN;
    default:
        return INT64_MIN;
    }
}

static void pool_strip(const tc_float_pool_params *p, const void *plane, const strip *s, void *y)
{
    float found[TC_CHUNK];
    int64_t integers[TC_CHUNK];
    for (int32_t i = 0; i < s->count; i++) {
        found[i] = p->is_mean ? 0 : -INFINITY;
        integers[i] = smallest(p->type);
    }
    fold_windows(p, plane, s, found, integers);
    if (p->type != TC_FLOAT32) {
        tc_store_integers(p->type, integers, s->count, y);
        return;
    }
    const int32_t lines = counted(p, 0, s->corner[0]) * counted(p, 1, s->corner[1]);
    float *to = (float *)y;
    for (int32_t i = 0; i < s->count; i++) {
        const int32_t column = s->corner[2] + i * p->window.stride[2];
        to[i] = p->is_mean ? found[i] / (float)(lines * counted(p, 2, column)) : found[i];
    }
}

void tc_float_pool(const tc_float_pool_params *p, const void *x, void *y)
{
    const tc_window *w = &p->window;
    const int32_t planes = w->batch * w->in_channels;
    const int32_t lines = w->out[0] * w->out[1];
    const ptrdiff_t size = (ptrdiff_t)w->in[0] * w->in[1] * w->in[2];
    for (int32_t plane = 0; plane < planes; plane++) {
        for (int32_t line = 0; line < lines; line++) {
            for (int32_t column = 0; column < w->out[2]; column += TC_CHUNK) {
                const strip s = {
                    {line / w->out[1] * w->stride[0] - w->pad[0],
                     line % w->out[1] * w->stride[1] - w->pad[1],
                     column * w->stride[2] - w->pad[2]},
                    tc_min(TC_CHUNK, w->out[2] - column),
                };
                const ptrdiff_t to = ((ptrdiff_t)plane * lines + line) * w->out[2] + column;
                pool_strip(p, tc_at(x, p->type, plane * size), &s, tc_to(y, p->type, to));
            }
        }
    }
}
