#include "tc_depthwise.h"

#include <string.h>

#include "tc_elements.h"

#ifdef __riscv_vector
#include <riscv_vector.h>
#endif

typedef struct {
    const tc_depthwise_params *p;
    const void *x;
    void *y;
} job;

/* sums[c] += (x[c] - zero_point) * w[c] for neighbouring channels */
#ifdef __riscv_vector

static void add_products_i8(const int8_t *x, int32_t zero_point, const int16_t *w, int32_t count,
                            int32_t *sums)
{
    for (int32_t c = 0; c < count;) {
        const size_t vl = __riscv_vsetvl_e8m2((size_t)(count - c));
        const vint16m4_t wide = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(x + c, vl), vl);
        const vint16m4_t steps = __riscv_vsub_vx_i16m4(wide, (int16_t)zero_point, vl);
        const vint16m4_t weight = __riscv_vle16_v_i16m4(w + c, vl);
        vint32m8_t sum = __riscv_vle32_v_i32m8(sums + c, vl);
        sum = __riscv_vwmacc_vv_i32m8(sum, steps, weight, vl);
        __riscv_vse32_v_i32m8(sums + c, sum, vl);
        c += (int32_t)vl;
    }
}

#else

static void add_products_i8(const int8_t *x, int32_t zero_point, const int16_t *w, int32_t count,
                            int32_t *sums)
{
    for (int32_t c = 0; c < count; c++) {
        sums[c] += (x[c] - zero_point) * w[c];
    }
}

#endif

static void add_products_u8(const uint8_t *x, int32_t zero_point, const int16_t *w, int32_t count,
                            int32_t *sums)
{
    for (int32_t c = 0; c < count; c++) {
        sums[c] += (x[c] - zero_point) * w[c];
    }
}

/* Sums of some channels of one output position; narrow or wide as the weights are. */
typedef struct {
    int32_t narrow[TC_COLUMNS];
    int64_t wide[TC_COLUMNS];
} channel_sums;

/* Adds the products of `width` channels of one element of the window; `tap` is that of weights. */
static void add_products(const tc_depthwise_params *p, const void *x, ptrdiff_t tap, int32_t width,
                         channel_sums *sums)
{
    if (p->wide_weights != NULL) {
        const int32_t *w = p->wide_weights + tap;
        int32_t values[TC_COLUMNS];
        tc_widen(p->x_type, x, 1, p->x_zero_point, width, values);
        for (int32_t c = 0; c < width; c++) {
            sums->wide[c] += (int64_t)values[c] * w[c];
        }
    } else if (p->x_type == TC_INT8) {
        add_products_i8((const int8_t *)x, p->x_zero_point, p->weights + tap, width, sums->narrow);
    } else {
        add_products_u8((const uint8_t *)x, p->x_zero_point, p->weights + tap, width, sums->narrow);
    }
}

/* Sums of `width` channels from `channel` on, of one output position. */
static void sum_window(const tc_depthwise_params *p, const void *x, int32_t batch,
                       const int32_t *corner, int32_t channel, int32_t width, channel_sums *sums)
{
    const tc_window *w = &p->window;
    memset(sums->narrow, 0, sizeof(int32_t) * (size_t)width);
    if (p->wide_weights != NULL) {
        memset(sums->wide, 0, sizeof(int64_t) * (size_t)width);
    }
    for (int32_t kd = 0; kd < w->kernel[0]; kd++) {
        const int32_t d = corner[0] + kd * w->dilation[0];
        for (int32_t kh = 0; kh < w->kernel[1]; kh++) {
            const int32_t h = corner[1] + kh * w->dilation[1];
            if (d < 0 || d >= w->in[0] || h < 0 || h >= w->in[1]) {
                continue;
            }
            const ptrdiff_t line = ((ptrdiff_t)batch * w->in[0] + d) * w->in[1] + h;
            const ptrdiff_t first = ((ptrdiff_t)kd * w->kernel[1] + kh) * w->kernel[2];
            for (int32_t k = 0; k < w->kernel[2]; k++) {
                const int32_t at = corner[2] + k * w->dilation[2];
                if (at < 0 || at >= w->in[2]) {
                    continue;
                }
                const ptrdiff_t index = (line * w->in[2] + at) * w->in_channels + channel;
                const ptrdiff_t tap = (first + k) * w->in_channels + channel;
                add_products(p, tc_at(x, p->x_type, index), tap, width, sums);
            }
        }
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_depthwise_params *p = j->p;
    const tc_window *w = &p->window;
    channel_sums sums;
    int32_t corner[TC_SPATIAL];
    for (int32_t position = part; position < w->batch * tc_plane(w); position += p->parts) {
        tc_window_corner(w, position % tc_plane(w), corner);
        for (int32_t c = 0; c < w->in_channels; c += TC_COLUMNS) {
            const int32_t width = tc_min(TC_COLUMNS, w->in_channels - c);
            sum_window(p, j->x, position / tc_plane(w), corner, c, width, &sums);
            void *to = tc_to(j->y, p->finish.grid.type, (ptrdiff_t)position * w->in_channels + c);
            if (p->wide_weights != NULL) {
                tc_finish_wide(&p->finish, sums.wide, c, width, to);
            } else {
                tc_finish(&p->finish, sums.narrow, c, width, to);
            }
        }
    }
}

void tc_depthwise(const tc_depthwise_params *p, const void *x, void *y, const tc_context *context)
{
    job j = {p, x, y};
    tc_for_parts(context, p->parts, run_part, &j);
}
