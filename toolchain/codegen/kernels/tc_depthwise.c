#include "tc_depthwise.h"

#include <string.h>

#include "tc_avx512.h"

/* Channels under one kernel position, and their weights. */
typedef struct {
    const uint8_t *x;
    const int16_t *w;
} tap;

/* How a byte becomes a centred number: (int8)(byte ^ flip) - zero. */
typedef struct {
    uint8_t flip;
    int16_t zero;
} centring;

/* sums[c] += sum over taps of centred x[c] * w[c], for <= TC_COLUMNS channels from `at` on. */
#if defined(__riscv_vector)

#include <riscv_vector.h>

static void add_taps(const tap *taps, int32_t n, int32_t at, centring how, int32_t count,
                     int32_t *sums)
{
    for (int32_t c = 0; c < count;) {
        const size_t vl = __riscv_vsetvl_e8m2((size_t)(count - c));
        vint32m8_t sum = __riscv_vle32_v_i32m8(sums + c, vl);
        for (int32_t t = 0; t < n; t++) {
            vuint8m2_t bytes = __riscv_vle8_v_u8m2(taps[t].x + at + c, vl);
            bytes = __riscv_vxor_vx_u8m2(bytes, how.flip, vl);
            vint16m4_t x = __riscv_vsext_vf2_i16m4(__riscv_vreinterpret_v_u8m2_i8m2(bytes), vl);
            x = __riscv_vsub_vx_i16m4(x, how.zero, vl);
            const vint16m4_t w = __riscv_vle16_v_i16m4(taps[t].w + at + c, vl);
            sum = __riscv_vwmacc_vv_i32m8(sum, x, w, vl);
        }
        __riscv_vse32_v_i32m8(sums + c, sum, vl);
        c += (int32_t)vl;
    }
}

#elif defined(TC_AVX512)

static inline __m512i centred(const uint8_t *x, __mmask32 mask, __m256i flip, __m512i zero)
{
    const __m256i bytes = _mm256_xor_si256(_mm256_maskz_loadu_epi8(mask, x), flip);
    return _mm512_sub_epi16(_mm512_cvtepi8_epi16(bytes), zero);
}

/* Two taps at a time, because products of 16 bits are added in pairs. */
static void add_taps(const tap *taps, int32_t n, int32_t at, centring how, int32_t count,
                     int32_t *sums)
{
    const __m256i flip = _mm256_set1_epi8((char)how.flip);
    const __m512i zero = _mm512_set1_epi16(how.zero);
    for (int32_t c = 0; c < count; c += 32) {
        const __mmask32 mask = tc_lanes(count - c);
        __m512i low = _mm512_setzero_si512();
        __m512i high = _mm512_setzero_si512();
        for (int32_t t = 0; t < n; t += 2) {
            const tap *one = taps + t;
            const tap *two = t + 1 < n ? one + 1 : one;
            const __mmask32 second = t + 1 < n ? mask : 0;
            const __m512i x0 = centred(one->x + at + c, mask, flip, zero);
            const __m512i x1 = centred(two->x + at + c, mask, flip, zero);
            const __m512i w0 = _mm512_maskz_loadu_epi16(mask, one->w + at + c);
            const __m512i w1 = _mm512_maskz_loadu_epi16(second, two->w + at + c);
            low = tc_multiply_add(low, _mm512_unpacklo_epi16(x0, x1),
                                  _mm512_unpacklo_epi16(w0, w1));
            high = tc_multiply_add(high, _mm512_unpackhi_epi16(x0, x1),
                                   _mm512_unpackhi_epi16(w0, w1));
        }
        int32_t found[32];
        tc_store_sums(low, high, found);
        for (int32_t i = 0; i < tc_min(32, count - c); i++) {
            sums[c + i] += found[i];
        }
    }
}

#else

static void add_taps(const tap *taps, int32_t n, int32_t at, centring how, int32_t count,
                     int32_t *sums)
{
    for (int32_t t = 0; t < n; t++) {
        const uint8_t *x = taps[t].x + at;
        const int16_t *w = taps[t].w + at;
        for (int32_t c = 0; c < count; c++) {
            sums[c] += ((int8_t)(x[c] ^ how.flip) - how.zero) * w[c];
        }
    }
}

#endif

typedef struct {
    const tc_depthwise_params *p;
    const uint8_t *x;
    void *y;
} job;

/*
 * Kernel positions inside the input, from the kernel row `*row` on, as many whole rows as TC_TAPS
 * holds; `*row` moves on behind them.
 */
static int32_t list_taps(const job *j, int32_t batch, const int32_t *corner, int32_t *row,
                         tap *taps)
{
    const tc_window *w = &j->p->window;
    const int32_t rows = w->kernel[0] * w->kernel[1];
    int32_t count = 0;
    for (; *row < rows && count + w->kernel[2] <= TC_TAPS; ++*row) {
        const int32_t d = corner[0] + *row / w->kernel[1] * w->dilation[0];
        const int32_t h = corner[1] + *row % w->kernel[1] * w->dilation[1];
        if (d < 0 || d >= w->in[0] || h < 0 || h >= w->in[1]) {
            continue;
        }
        const ptrdiff_t line = (((ptrdiff_t)batch * w->in[0] + d) * w->in[1] + h) * w->in[2];
        const int16_t *weights = j->p->weights + (ptrdiff_t)*row * w->kernel[2] * w->in_channels;
        for (int32_t k = 0; k < w->kernel[2]; k++) {
            const int32_t at = corner[2] + k * w->dilation[2];
            if (at >= 0 && at < w->in[2]) {
                taps[count].x = j->x + (line + at) * w->in_channels;
                taps[count].w = weights + (ptrdiff_t)k * w->in_channels;
                count++;
            }
        }
    }
    return count;
}

/* All channels of one output position. */
static void one_position(const job *j, int32_t batch, const int32_t *corner, centring how,
                         void *y)
{
    const tc_depthwise_params *p = j->p;
    const tc_window *w = &p->window;
    const int32_t rows = w->kernel[0] * w->kernel[1];
    const int fits = rows * w->kernel[2] <= TC_TAPS;
    tap taps[TC_TAPS];
    int32_t row = 0;
    int32_t n = fits ? list_taps(j, batch, corner, &row, taps) : 0;
    for (int32_t c = 0; c < w->in_channels; c += TC_COLUMNS) {
        const int32_t width = tc_min(TC_COLUMNS, w->in_channels - c);
        int32_t sums[TC_COLUMNS];
        memset(sums, 0, sizeof(sums));
        add_taps(taps, n, c, how, width, sums);
        for (row = 0; !fits && row < rows;) { /* a large kernel, part by part */
            n = list_taps(j, batch, corner, &row, taps);
            add_taps(taps, n, c, how, width, sums);
            n = 0;
        }
        tc_finish(&p->finish, sums, c, width, tc_to(y, p->finish.grid.type, c));
    }
}

static void run_part(void *context, int32_t part)
{
    const job *j = (const job *)context;
    const tc_depthwise_params *p = j->p;
    const tc_window *w = &p->window;
    const int is_signed = p->x_type == TC_INT8;
    const centring how = {
        .flip = is_signed ? 0 : 0x80,
        .zero = (int16_t)(is_signed ? p->x_zero_point : p->x_zero_point - 128),
    };
    int32_t corner[TC_SPATIAL];
    for (int32_t position = part; position < w->batch * tc_plane(w); position += p->parts) {
        tc_window_corner(w, position % tc_plane(w), corner);
        const ptrdiff_t index = (ptrdiff_t)position * w->in_channels;
        one_position(j, position / tc_plane(w), corner, how,
                     tc_to(j->y, p->finish.grid.type, index));
    }
}

void tc_depthwise(const tc_depthwise_params *p, const void *x, void *y, const tc_context *context)
{
    job j = {p, (const uint8_t *)x, y};
    tc_for_parts(context, p->parts, run_part, &j);
}
