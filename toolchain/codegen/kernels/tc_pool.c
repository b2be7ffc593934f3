#include "tc_pool.h"

#include "tc_elements.h"

/* The part of a window along one axis that counts: kernel positions first to end - 1. */
typedef struct {
    int32_t first;
    int32_t end;
} span;

static span inside(int32_t corner, int32_t kernel, int32_t dilation, int32_t begin, int32_t end)
{
    span s = {kernel, 0};
    for (int32_t k = 0; k < kernel; k++) {
        const int32_t at = corner + k * dilation;
        if (at >= begin && at < end) {
            s.first = tc_min(s.first, k);
            s.end = k + 1;
        }
    }
    s.first = tc_min(s.first, s.end);
    return s;
}

/* Folds `width` channels of the window's elements into `found`. */
static void fold_window(const tc_pool_params *p, const void *x, int32_t batch,
                        const int32_t *corner, const span *spans, int32_t channel, int32_t width,
                        int32_t *found)
{
    const tc_window *w = &p->window;
    int32_t values[TC_CHUNK];
    int32_t first = 1;
    for (int32_t kd = spans[0].first; kd < spans[0].end; kd++) {
        for (int32_t kh = spans[1].first; kh < spans[1].end; kh++) {
            for (int32_t kw = spans[2].first; kw < spans[2].end; kw++) {
                const ptrdiff_t d = corner[0] + kd * w->dilation[0];
                const ptrdiff_t h = corner[1] + kh * w->dilation[1];
                const ptrdiff_t at = corner[2] + kw * w->dilation[2];
                const ptrdiff_t line = (batch * (ptrdiff_t)w->in[0] + d) * w->in[1] + h;
                const ptrdiff_t index = (line * w->in[2] + at) * w->in_channels + channel;
                tc_widen(p->x_type, tc_at(x, p->x_type, index), 1, p->x_zero_point, width, values);
                for (int32_t c = 0; c < width; c++) {
                    if (p->is_mean) {
                        found[c] = first ? values[c] : found[c] + values[c];
                    } else {
                        found[c] = first ? values[c] : tc_max(found[c], values[c]);
                    }
                }
                first = 0;
            }
        }
    }
}

/* Elements that a mean divides by. */
static int32_t count_of(const tc_pool_params *p, const int32_t *corner, const span *spans)
{
    const tc_window *w = &p->window;
    int32_t count = 1;
    for (int32_t axis = 0; axis < TC_SPATIAL; axis++) {
        span s = spans[axis];
        if (p->count_include_pad) {
            s = inside(corner[axis], w->kernel[axis], w->dilation[axis], -w->pad[axis],
                       w->in[axis] + p->pad_end[axis]);
        }
        count *= s.end - s.first;
    }
    return count;
}

static void pool_position(const tc_pool_params *p, const void *x, int32_t position, void *y)
{
    const tc_window *w = &p->window;
    int32_t corner[TC_SPATIAL];
    span spans[TC_SPATIAL];
    tc_window_corner(w, position % tc_plane(w), corner);
    for (int32_t axis = 0; axis < TC_SPATIAL; axis++) {
        spans[axis] = inside(corner[axis], w->kernel[axis], w->dilation[axis], 0, w->in[axis]);
    }
    tc_scale_params scale = p->scale;
    scale.factor = p->factor / (float)(p->is_mean ? count_of(p, corner, spans) : 1);
    int32_t found[TC_CHUNK] = {0};
    for (int32_t c = 0; c < w->in_channels; c += TC_CHUNK) {
        const int32_t width = tc_min(TC_CHUNK, w->in_channels - c);
        fold_window(p, x, position / tc_plane(w), corner, spans, c, width, found);
        const ptrdiff_t to = (ptrdiff_t)position * w->in_channels + c;
        tc_scale32(&scale, found, width, tc_to(y, scale.grid.type, to));
    }
}

void tc_pool(const tc_pool_params *p, const void *x, void *y)
{
    const tc_window *w = &p->window;
    const int32_t count = w->batch * tc_plane(w);
    for (int32_t position = 0; position < count; position++) {
        pool_position(p, x, position, y);
    }
}
