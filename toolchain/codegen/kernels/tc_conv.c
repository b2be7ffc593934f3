#include "tc_conv.h"

#include <string.h>

/* One convolution under way. */
typedef struct {
    const tc_conv_params *p;
    const tc_conv_phase_params *phase; /* 0: outputs lie side by side */
    const void *x;
    void *y;
    unsigned char *scratch;
} job;

/* One kernel row: positions of the input from `first` on, some of which may lie outside. */
static void gather_row(const tc_conv_params *p, const void *x, ptrdiff_t line, int32_t first,
                       int32_t channel, unsigned char *row)
{
    const tc_window *w = &p->window;
    const int32_t channels = w->in_channels / p->groups;
    const int32_t cell = channels * tc_row_size(&p->product);
    for (int32_t k = 0; k < w->kernel[2]; k++) {
        const int32_t at = first + k * w->dilation[2];
        if (at < 0 || at >= w->in[2]) {
            memset(row + (ptrdiff_t)k * cell, 0, (size_t)cell);
            continue;
        }
        int32_t run = 1; /* neighbours of an undivided input lie next to each other */
        if (p->groups == 1 && w->dilation[2] == 1) {
            run = tc_min(w->kernel[2] - k, w->in[2] - at);
        }
        const ptrdiff_t index = (line * w->in[2] + at) * w->in_channels + channel;
        tc_fill_row(&p->product, p->x_type, tc_at(x, p->x_type, index), p->x_zero_point,
                    run * channels, row + (ptrdiff_t)k * cell);
        k += run - 1;
    }
}

/* All inputs of one output position, centred; 0 outside. */
static void gather(const tc_conv_params *p, const void *x, int32_t position, int32_t group,
                   unsigned char *row)
{
    const tc_window *w = &p->window;
    const int32_t batch = position / tc_plane(w);
    const int32_t channels = w->in_channels / p->groups;
    const ptrdiff_t width = (ptrdiff_t)w->kernel[2] * channels * tc_row_size(&p->product);
    int32_t corner[TC_SPATIAL];
    tc_window_corner(w, position % tc_plane(w), corner);
    for (int32_t kd = 0; kd < w->kernel[0]; kd++) {
        const int32_t d = corner[0] + kd * w->dilation[0];
        for (int32_t kh = 0; kh < w->kernel[1]; kh++, row += width) {
            const int32_t h = corner[1] + kh * w->dilation[1];
            if (d < 0 || d >= w->in[0] || h < 0 || h >= w->in[1]) {
                memset(row, 0, (size_t)width);
                continue;
            }
            const ptrdiff_t line = ((ptrdiff_t)batch * w->in[0] + d) * w->in[1] + h;
            gather_row(p, x, line, corner[2], group * channels, row);
        }
    }
}

/* Index in y of the first channel of an output position. */
static ptrdiff_t place_of(const job *j, int32_t position)
{
    const tc_window *w = &j->p->window;
    const tc_conv_phase_params *phase = j->phase;
    if (phase == NULL) {
        return (ptrdiff_t)position * w->out_channels;
    }
    int32_t index[TC_SPATIAL];
    tc_window_index(w, position % tc_plane(w), index);
    ptrdiff_t at = position / tc_plane(w);
    for (int32_t axis = 0; axis < TC_SPATIAL; axis++) {
        at = at * phase->y_extent[axis] + phase->y_first[axis] + index[axis] * phase->y_step[axis];
    }
    return at * w->out_channels;
}

/* True if output positions are those of the input, one after the other, as rows should lie. */
static int is_pointwise(const tc_conv_params *p)
{
    const tc_window *w = &p->window;
    int same = p->groups == 1 && p->product.row_step == w->in_channels;
    for (int32_t axis = 0; axis < TC_SPATIAL; axis++) {
        same &= w->kernel[axis] == 1 && w->stride[axis] == 1 && w->in[axis] == w->out[axis];
        same &= w->pad[axis] == 0;
    }
    return same;
}

static void gather_block(const tc_conv_params *p, const void *x, int32_t first, int32_t count,
                         int32_t group, unsigned char *rows)
{
    const int32_t step = p->product.row_step;
    if (is_pointwise(p)) {
        tc_fill_row(&p->product, p->x_type, tc_at(x, p->x_type, (ptrdiff_t)first * step),
                    p->x_zero_point, count * step, rows);
        return;
    }
    const ptrdiff_t row_bytes = (ptrdiff_t)step * tc_row_size(&p->product);
    for (int32_t i = 0; i < count; i++) {
        gather(p, x, first + i, group, rows + i * row_bytes);
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_conv_params *p = j->p;
    const tc_product_params *product = &p->product;
    const int32_t count = p->window.batch * tc_plane(&p->window);
    const int32_t blocks = (count + p->block_rows - 1) / p->block_rows;
    const ptrdiff_t row_bytes = (ptrdiff_t)product->row_step * tc_row_size(product);
    unsigned char *rows = j->scratch + part * p->block_rows * row_bytes;
    ptrdiff_t places[TC_MOST_ROWS];
    for (int32_t block = part; block < blocks; block += p->parts) {
        const int32_t first = block * p->block_rows;
        const int32_t some = tc_min(p->block_rows, count - first);
        for (int32_t i = 0; i < some; i++) {
            places[i] = place_of(j, first + i);
        }
        for (int32_t group = 0; group < p->groups; group++) {
            gather_block(p, j->x, first, some, group, rows);
            const ptrdiff_t matrix = (ptrdiff_t)group * product->columns * product->depth;
            tc_product(product, rows, some, tc_at(product->weights, product->type, matrix), group,
                       group * product->columns, places, j->y);
        }
    }
}

void tc_conv(const tc_conv_params *p, const void *x, void *y, void *scratch,
             const tc_context *context)
{
    job j = {p, NULL, x, y, (unsigned char *)scratch};
    tc_for_parts(context, p->parts, run_part, &j);
}

void tc_conv_phase(const tc_conv_phase_params *p, const void *x, void *y, void *scratch,
                   const tc_context *context)
{
    job j = {&p->conv, p, x, y, (unsigned char *)scratch};
    tc_for_parts(context, p->conv.parts, run_part, &j);
}
