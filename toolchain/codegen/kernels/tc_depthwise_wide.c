#include "tc_depthwise_wide.h"

#include <string.h>

#include "tc_elements.h"

typedef struct {
    const tc_depthwise_wide_params *p;
    const void *x;
    void *y;
} job;

/* One kernel row: adds the products of `width` channels from `channel` on. */
static void add_row(const job *j, ptrdiff_t line, int32_t first, const int32_t *weights,
                    int32_t channel, int32_t width, int64_t *sums)
{
    const tc_depthwise_wide_params *p = j->p;
    const tc_window *w = &p->window;
    int32_t values[TC_COLUMNS];
    for (int32_t k = 0; k < w->kernel[2]; k++, weights += w->in_channels) {
        const int32_t at = first + k * w->dilation[2];
        if (at < 0 || at >= w->in[2]) {
            continue;
        }
        const ptrdiff_t index = (line * w->in[2] + at) * w->in_channels + channel;
        tc_widen(p->x_type, tc_at(j->x, p->x_type, index), 1, p->x_zero_point, width, values);
        for (int32_t c = 0; c < width; c++) {
            sums[c] += (int64_t)values[c] * weights[c];
        }
    }
}

/* Sums of `width` channels from `channel` on, of one output position. */
static void sum_window(const job *j, int32_t batch, const int32_t *corner, int32_t channel,
                       int32_t width, int64_t *sums)
{
    const tc_window *w = &j->p->window;
    const int32_t *weights = j->p->weights + channel;
    memset(sums, 0, sizeof(int64_t) * (size_t)width);
    for (int32_t kd = 0; kd < w->kernel[0]; kd++) {
        const int32_t d = corner[0] + kd * w->dilation[0];
        for (int32_t kh = 0; kh < w->kernel[1]; kh++) {
            const int32_t h = corner[1] + kh * w->dilation[1];
            if (d >= 0 && d < w->in[0] && h >= 0 && h < w->in[1]) {
                const ptrdiff_t line = ((ptrdiff_t)batch * w->in[0] + d) * w->in[1] + h;
                add_row(j, line, corner[2], weights, channel, width, sums);
            }
            weights += (ptrdiff_t)w->kernel[2] * w->in_channels;
        }
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_depthwise_wide_params *p = j->p;
    const tc_window *w = &p->window;
    int64_t sums[TC_COLUMNS];
    int32_t corner[TC_SPATIAL];
    for (int32_t position = part; position < w->batch * tc_plane(w); position += p->parts) {
        tc_window_corner(w, position % tc_plane(w), corner);
        for (int32_t c = 0; c < w->in_channels; c += TC_COLUMNS) {
            const int32_t width = tc_min(TC_COLUMNS, w->in_channels - c);
            sum_window(j, position / tc_plane(w), corner, c, width, sums);
            const ptrdiff_t index = (ptrdiff_t)position * w->in_channels + c;
            tc_finish_wide(&p->finish, sums, c, width, tc_to(j->y, p->finish.grid.type, index));
        }
    }
}

void tc_depthwise_wide(const tc_depthwise_wide_params *p, const void *x, void *y,
                       const tc_context *context)
{
    job j = {p, x, y};
    tc_for_parts(context, p->parts, run_part, &j);
}
