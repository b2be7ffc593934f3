#include "tc_arithmetic.h"

#include <string.h>

#include "tc_elementary.h"
#include "tc_numbers.h"

#define TC_CASE(KIND, RESULT)                                                                      \
    case KIND:                                                                                     \
        for (int32_t i = 0; i < count; i++) {                                                      \
            a[i] = (RESULT);                                                                       \
        }                                                                                          \
        break

/* Of equal values the first stays; a NaN wins. */
#define TC_REAL_CASES                                                                              \
    TC_CASE(TC_DO_ADD, a[i] + b[i]);                                                               \
    TC_CASE(TC_DO_SUB, a[i] - b[i]);                                                               \
    TC_CASE(TC_DO_MUL, a[i] * b[i]);                                                               \
    TC_CASE(TC_DO_DIV, a[i] / b[i]);                                                               \
    TC_CASE(TC_DO_MIN, b[i] < a[i] || b[i] != b[i] ? b[i] : a[i]);                                 \
    TC_CASE(TC_DO_MAX, b[i] > a[i] || b[i] != b[i] ? b[i] : a[i]);                                 \
    TC_CASE(TC_DO_PRELU, a[i] < 0 ? b[i] * a[i] : a[i])

static void floats(tc_arithmetic_kind kind, float *a, const float *b, int32_t count)
{
    switch (kind) {
        TC_REAL_CASES;
        TC_CASE(TC_DO_POW, tc_pow(a[i], b[i]));
    }
}

static void doubles(tc_arithmetic_kind kind, double *a, const double *b, int32_t count)
{
    switch (kind) {
        TC_REAL_CASES;
    case TC_DO_POW:
        break;
    }
}

/* Sums and products modulo 2**64, of which a store keeps the low bits. */
static int64_t wrapped(uint64_t value)
{
    int64_t result;
    memcpy(&result, &value, sizeof result);
    return result;
}

static int64_t quotient(int64_t a, int64_t b)
{
    if (b == 0) {
        return 0;
    }
    return b == -1 ? wrapped(0 - (uint64_t)a) : a / b;
}

static int64_t power(int64_t a, int64_t b)
{
    uint64_t result = b < 0 ? 0 : 1;
    uint64_t square = (uint64_t)a;
    for (int64_t rest = b; rest > 0; rest /= 2) {
        result = rest % 2 != 0 ? result * square : result;
        square *= square;
    }
    return wrapped(result);
}

static void integers(tc_arithmetic_kind kind, int64_t *a, const int64_t *b, int32_t count)
{
    switch (kind) {
        TC_CASE(TC_DO_ADD, wrapped((uint64_t)a[i] + (uint64_t)b[i]));
        TC_CASE(TC_DO_SUB, wrapped((uint64_t)a[i] - (uint64_t)b[i]));
        TC_CASE(TC_DO_MUL, wrapped((uint64_t)a[i] * (uint64_t)b[i]));
        TC_CASE(TC_DO_DIV, quotient(a[i], b[i]));
        TC_CASE(TC_DO_MIN, b[i] < a[i] ? b[i] : a[i]);
        TC_CASE(TC_DO_MAX, b[i] > a[i] ? b[i] : a[i]);
        TC_CASE(TC_DO_POW, power(a[i], b[i]));
    case TC_DO_PRELU:
        break;
    }
}

/* One chunk: y[i] from a[i * a_step] and b[i * b_step]. */
static void one_chunk(const tc_arithmetic_params *p, const void *a, int32_t a_step, const void *b,
                      int32_t b_step, int32_t count, void *y)
{
    if (p->type == TC_FLOAT32) {
        float left[TC_CHUNK];
        float right[TC_CHUNK];
        tc_load_floats(p->type, a, a_step, count, left);
        tc_load_floats(p->b_type, b, b_step, count, right);
        floats(p->kind, left, right, count);
        memcpy(y, left, (size_t)count * sizeof(float));
    } else if (p->type == TC_FLOAT64) {
        double left[TC_CHUNK];
        double right[TC_CHUNK];
        tc_load_doubles(p->type, a, a_step, count, left);
        tc_load_doubles(p->b_type, b, b_step, count, right);
        doubles(p->kind, left, right, count);
        memcpy(y, left, (size_t)count * sizeof(double));
    } else {
        int64_t left[TC_CHUNK];
        int64_t right[TC_CHUNK];
        tc_load_integers(p->type, a, a_step, count, left);
        tc_load_integers(p->b_type, b, b_step, count, right);
        integers(p->kind, left, right, count);
        tc_store_integers(p->type, left, count, y);
    }
}

void tc_arithmetic(const tc_arithmetic_params *p, const void *a, const void *b, void *y)
{
    const tc_loops *loops = &p->loops;
    const int32_t last = loops->rank - 1;
    const int32_t a_step = loops->stride[0][last];
    const int32_t b_step = loops->stride[1][last];
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i += TC_CHUNK) {
            const int32_t count = tc_min(TC_CHUNK, loops->shape[last] - i);
            const ptrdiff_t a_index = place.at[0] + (ptrdiff_t)i * a_step;
            const ptrdiff_t b_index = place.at[1] + (ptrdiff_t)i * b_step;
            one_chunk(p, tc_at(a, p->type, a_index), a_step, tc_at(b, p->b_type, b_index), b_step,
                      count, tc_to(y, p->type, place.at[2] + i));
        }
    } while (tc_next(loops, &place));
}
