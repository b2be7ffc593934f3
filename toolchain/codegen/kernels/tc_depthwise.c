#include "tc_depthwise.h"

#include <string.h>

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

/* Sums of `width` channels from `channel` on, of one output position. */
static void sum_window(const tc_depthwise_params *p, const void *x, int32_t batch,
                       const int32_t *corner, int32_t channel, int32_t width, int32_t *sums)
{
    const tc_window *w = &p->window;
    const int16_t *weights = p->weights + channel;
    memset(sums, 0, sizeof(int32_t) * (size_t)width);
    for (int32_t kd = 0; kd < w->kernel[0]; kd++) {
        const int32_t d = corner[0] + kd * w->dilation[0];
        for (int32_t kh = 0; kh < w->kernel[1]; kh++) {
            const int32_t h = corner[1] + kh * w->dilation[1];
            if (d < 0 || d >= w->in[0] || h < 0 || h >= w->in[1]) {
                weights += (ptrdiff_t)w->kernel[2] * w->in_channels;
                continue;
            }
            const ptrdiff_t line = ((ptrdiff_t)batch * w->in[0] + d) * w->in[1] + h;
            for (int32_t k = 0; k < w->kernel[2]; k++, weights += w->in_channels) {
                const int32_t at = corner[2] + k * w->dilation[2];
                if (at < 0 || at >= w->in[2]) {
                    continue;
                }
                const ptrdiff_t index = (line * w->in[2] + at) * w->in_channels + channel;
                if (p->x_type == TC_INT8) {
                    add_products_i8((const int8_t *)x + index, p->x_zero_point, weights, width,
                                    sums);
                } else {
                    add_products_u8((const uint8_t *)x + index, p->x_zero_point, weights, width,
                                    sums);
                }
            }
        }
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_depthwise_params *p = j->p;
    const tc_window *w = &p->window;
    const int32_t plane = w->out[0] * w->out[1] * w->out[2];
    int32_t sums[TC_COLUMNS];
    for (int32_t position = part; position < w->batch * plane; position += p->parts) {
        const int32_t at = position % plane;
        const int32_t corner[TC_SPATIAL] = {
            at / (w->out[1] * w->out[2]) * w->stride[0] - w->pad[0],
            at / w->out[2] % w->out[1] * w->stride[1] - w->pad[1],
            at % w->out[2] * w->stride[2] - w->pad[2],
        };
        for (int32_t c = 0; c < w->in_channels; c += TC_COLUMNS) {
            const int32_t width = tc_min(TC_COLUMNS, w->in_channels - c);
            sum_window(p, j->x, position / plane, corner, c, width, sums);
            const ptrdiff_t index = (ptrdiff_t)position * w->in_channels + c;
            tc_finish(&p->finish, sums, c, width, tc_to(j->y, p->finish.grid.type, index));
        }
    }
}

void tc_depthwise(const tc_depthwise_params *p, const void *x, void *y, const tc_context *context)
{
    job j = {p, x, y};
    tc_for_parts(context, p->parts, run_part, &j);
}
