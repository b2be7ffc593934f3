#include "tc_conv.h"

#include <string.h>

/* One convolution under way. */
typedef struct {
    const tc_conv_params *p;
    const void *x;
    void *y;
    int16_t *scratch;
} job;

static int32_t positions(const tc_window *w) { return w->out[0] * w->out[1] * w->out[2]; }

/* One kernel row: `width` positions of the input, some of which may lie outside. */
static void gather_row(const tc_conv_params *p, const void *x, ptrdiff_t line, int32_t first,
                       int32_t channel, int16_t *row)
{
    const tc_window *w = &p->window;
    const int32_t channels = w->in_channels / p->groups;
    for (int32_t k = 0; k < w->kernel[2]; k++) {
        const int32_t at = first + k * w->dilation[2];
        int16_t *cell = row + k * channels;
        if (at < 0 || at >= w->in[2]) {
            memset(cell, 0, sizeof(int16_t) * (size_t)channels);
            continue;
        }
        int32_t run = 1; /* neighbours of an undivided input lie next to each other */
        if (p->groups == 1 && w->dilation[2] == 1) {
            run = tc_min(w->kernel[2] - k, w->in[2] - at);
        }
        const ptrdiff_t index = (line * w->in[2] + at) * w->in_channels + channel;
        tc_widen16(p->x_type, tc_at(x, p->x_type, index), p->x_zero_point, run * channels, cell);
        k += run - 1;
    }
}

/* All inputs of one output position, centred; 0 outside. */
static void gather(const tc_conv_params *p, const void *x, int32_t position, int32_t group,
                   int16_t *row)
{
    const tc_window *w = &p->window;
    const int32_t batch = position / positions(w);
    const int32_t plane = position % positions(w);
    const int32_t channels = w->in_channels / p->groups;
    const int32_t width = w->kernel[2] * channels;
    const int32_t d0 = plane / (w->out[1] * w->out[2]) * w->stride[0] - w->pad[0];
    const int32_t h0 = plane / w->out[2] % w->out[1] * w->stride[1] - w->pad[1];
    const int32_t w0 = plane % w->out[2] * w->stride[2] - w->pad[2];
    for (int32_t kd = 0; kd < w->kernel[0]; kd++) {
        const int32_t d = d0 + kd * w->dilation[0];
        for (int32_t kh = 0; kh < w->kernel[1]; kh++, row += width) {
            const int32_t h = h0 + kh * w->dilation[1];
            if (d < 0 || d >= w->in[0] || h < 0 || h >= w->in[1]) {
                memset(row, 0, sizeof(int16_t) * (size_t)width);
                continue;
            }
            const ptrdiff_t line = ((ptrdiff_t)batch * w->in[0] + d) * w->in[1] + h;
            gather_row(p, x, line, w0, group * channels, row);
        }
    }
}

/* sums of x * (w - zero) are sums of x * w without zero times the sum of x. */
static void subtract_zero_points(const int32_t *zero_points, const int16_t *row, int32_t depth,
                                 int32_t width, int32_t *sums)
{
    int32_t total = 0;
    for (int32_t k = 0; k < depth; k++) {
        total += row[k];
    }
    for (int32_t c = 0; c < width; c++) {
        sums[c] = (int32_t)((uint32_t)sums[c] - (uint32_t)zero_points[c] * (uint32_t)total);
    }
}

/* Gathered rows of one group times its weights, panel by panel. */
static void multiply(const tc_conv_params *p, const int16_t *rows, int32_t first, int32_t count,
                     int32_t group, void *y)
{
    const tc_window *w = &p->window;
    const int32_t columns = w->out_channels / p->groups;
    const int32_t depth = w->kernel[0] * w->kernel[1] * w->kernel[2] * (w->in_channels / p->groups);
    const int8_t *panel = p->weights + (ptrdiff_t)group * columns * depth;
    int32_t sums[TC_ROWS * TC_COLUMNS];
    for (int32_t c = 0; c < columns; c += TC_COLUMNS) {
        const int32_t width = tc_min(TC_COLUMNS, columns - c);
        const int32_t channel = group * columns + c;
        for (int32_t r = 0; r < count; r += TC_ROWS) {
            const int32_t some = tc_min(TC_ROWS, count - r);
            const int16_t *from = rows + (ptrdiff_t)r * p->row_step;
            tc_tile(from, p->row_step, some, panel, depth, width, sums);
            for (int32_t i = 0; i < some; i++) {
                int32_t *sum = sums + i * TC_COLUMNS;
                if (p->weight_zero_point != NULL) {
                    subtract_zero_points(p->weight_zero_point + channel, from + i * p->row_step,
                                         depth, width, sum);
                }
                const ptrdiff_t index = (ptrdiff_t)(first + r + i) * w->out_channels + channel;
                tc_finish(&p->finish, sum, channel, width, tc_to(y, p->finish.grid.type, index));
            }
        }
        panel += (ptrdiff_t)depth * width;
    }
}

/* True if output positions are those of the input, one after the other, as rows should lie. */
static int is_pointwise(const tc_conv_params *p)
{
    const tc_window *w = &p->window;
    int same = p->groups == 1 && p->row_step == w->in_channels;
    for (int32_t axis = 0; axis < TC_SPATIAL; axis++) {
        same &= w->kernel[axis] == 1 && w->stride[axis] == 1 && w->in[axis] == w->out[axis];
    }
    return same;
}

static void gather_block(const tc_conv_params *p, const void *x, int32_t first, int32_t count,
                         int32_t group, int16_t *rows)
{
    if (is_pointwise(p)) {
        const ptrdiff_t index = (ptrdiff_t)first * p->row_step;
        tc_widen16(p->x_type, tc_at(x, p->x_type, index), p->x_zero_point, count * p->row_step,
                   rows);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        gather(p, x, first + i, group, rows + (ptrdiff_t)i * p->row_step);
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_conv_params *p = j->p;
    const int32_t count = p->window.batch * positions(&p->window);
    const int32_t blocks = (count + p->block_rows - 1) / p->block_rows;
    int16_t *rows = j->scratch + (ptrdiff_t)part * p->block_rows * p->row_step;
    for (int32_t block = part; block < blocks; block += p->parts) {
        const int32_t first = block * p->block_rows;
        const int32_t some = tc_min(p->block_rows, count - first);
        for (int32_t group = 0; group < p->groups; group++) {
            gather_block(p, j->x, first, some, group, rows);
            multiply(p, rows, first, some, group, j->y);
        }
    }
}

void tc_conv(const tc_conv_params *p, const void *x, void *y, void *scratch,
             const tc_context *context)
{
    job j = {p, x, y, (int16_t *)scratch};
    tc_for_parts(context, p->parts, run_part, &j);
}
