#include "tc_float_conv.h"

#include <string.h>

#include "tc_float_tile.h"

typedef struct {
    const tc_float_conv_params *p;
    const float *x;
    const float *weights;
    const float *bias;
    float *y;
    float *scratch;
} job;

static int32_t volume(const int32_t *extents) { return extents[0] * extents[1] * extents[2]; }

/* Index along one axis of the input that kernel position k meets for an output; -1 outside. */
static inline int32_t source(const tc_float_conv_params *p, int32_t axis, int32_t output, int32_t k)
{
    const tc_window *w = &p->window;
    int32_t at = output * w->stride[axis] + k * w->dilation[axis] - w->pad[axis];
    if (p->transposed) {
        at = output + w->pad[axis] - k * w->dilation[axis];
        if (at < 0 || at % w->stride[axis] != 0) {
            return -1;
        }
        at /= w->stride[axis];
    }
    return at >= 0 && at < w->in[axis] ? at : -1;
}

/* What kernel column k meets in one line of the input, from output `first` on; 0 outside. */
static void gather_line(const tc_float_conv_params *p, const float *line, int32_t k, int32_t first,
                        int32_t count, float *row)
{
    const tc_window *w = &p->window;
    if (p->transposed) {
        for (int32_t i = 0; i < count; i++) {
            const int32_t at = source(p, 2, first + i, k);
            row[i] = at < 0 ? 0 : line[at];
        }
        return;
    }
    const int32_t step = w->stride[2];
    const int32_t at = first * step + k * w->dilation[2] - w->pad[2];
    const int32_t begin = at < 0 ? (-at + step - 1) / step : 0;
    const int32_t end = at < w->in[2] ? tc_min(count, (w->in[2] - 1 - at) / step + 1) : 0;
    memset(row, 0, sizeof(float) * (size_t)count);
    for (int32_t i = begin; i < end; i++) {
        row[i] = line[(ptrdiff_t)i * step + at];
    }
}

/* What kernel position k of one input channel meets at some output positions; 0 outside. */
static void gather_row(const tc_float_conv_params *p, const float *plane, int32_t k, int32_t first,
                       int32_t count, float *row)
{
    const tc_window *w = &p->window;
    const int32_t kernel_row = k / w->kernel[2];
    while (count > 0) {
        const int32_t line = first / w->out[2];
        const int32_t column = first % w->out[2];
        const int32_t run = tc_min(count, w->out[2] - column);
        const int32_t d = source(p, 0, line / w->out[1], kernel_row / w->kernel[1]);
        const int32_t h = source(p, 1, line % w->out[1], kernel_row % w->kernel[1]);
        if (d < 0 || h < 0) {
            memset(row, 0, sizeof(float) * (size_t)run);
        } else {
            const float *from = plane + ((ptrdiff_t)d * w->in[1] + h) * w->in[2];
            gather_line(p, from, k % w->kernel[2], column, run, row);
        }
        row += run;
        first += run;
        count -= run;
    }
}

/* Output channels of one group at positions first .. first + width - 1 of one sample. */
static void convolve(const job *j, int32_t batch, int32_t group, int32_t first, int32_t width,
                     float *panel)
{
    const tc_float_conv_params *p = j->p;
    const tc_window *w = &p->window;
    const int32_t channels = w->in_channels / p->groups;
    const int32_t filters = w->out_channels / p->groups;
    const int32_t cells = volume(w->kernel);
    const int32_t plane = volume(w->out);
    const int32_t filter = group * filters;
    const int32_t depth = channels * cells;
    const ptrdiff_t channel = (ptrdiff_t)batch * w->in_channels + (ptrdiff_t)group * channels;
    const float *x = j->x + channel * volume(w->in);
    float *y = j->y + ((ptrdiff_t)batch * w->out_channels + filter) * plane + first;
    for (int32_t m = 0; m < filters; m++) {
        memset(y + (ptrdiff_t)m * plane, 0, sizeof(float) * (size_t)width);
    }
    for (int32_t begin = 0; begin < depth; begin += p->panel_depth) {
        const int32_t some = tc_min(p->panel_depth, depth - begin);
        for (int32_t k = 0; k < some; k++) {
            const float *from = x + (ptrdiff_t)((begin + k) / cells) * volume(w->in);
            gather_row(p, from, (begin + k) % cells, first, width, panel + k * TC_FLOAT_COLUMNS);
        }
        const tc_float_product product = {
            .rows = j->weights + (ptrdiff_t)filter * depth + begin,
            .row_step = depth,
            .count = filters,
            .panel = panel,
            .panel_step = TC_FLOAT_COLUMNS,
            .depth = some,
            .width = width,
            .sums = y,
            .sum_step = plane,
        };
        tc_float_tile(&product);
    }
    for (int32_t m = 0; j->bias != NULL && m < filters; m++) {
        for (int32_t i = 0; i < width; i++) {
            y[(ptrdiff_t)m * plane + i] += j->bias[filter + m];
        }
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_float_conv_params *p = j->p;
    const int32_t plane = volume(p->window.out);
    float *panel = j->scratch + (ptrdiff_t)part * p->panel_depth * TC_FLOAT_COLUMNS;
    int32_t turn = 0;
    for (int32_t batch = 0; batch < p->window.batch; batch++) {
        for (int32_t group = 0; group < p->groups; group++) {
            for (int32_t first = 0; first < plane; first += TC_FLOAT_COLUMNS) {
                if (turn++ % p->parts == part) {
                    convolve(j, batch, group, first, tc_min(TC_FLOAT_COLUMNS, plane - first),
                             panel);
                }
            }
        }
    }
}

void tc_float_conv(const tc_float_conv_params *p, const void *x, const void *weights,
                   const void *bias, void *y, void *scratch, const tc_context *context)
{
    job j = {p,          (const float *)x, (const float *)weights, (const float *)bias,
             (float *)y, (float *)scratch};
    tc_for_parts(context, p->parts, run_part, &j);
}
