#include "tc_compare.h"

#include "tc_numbers.h"

#define TC_CASE(KIND, RESULT)                                                                      \
    case KIND:                                                                                     \
        for (int32_t i = 0; i < count; i++) {                                                      \
            y[i] = (uint8_t)(RESULT);                                                              \
        }                                                                                          \
        break

#define TC_CASES                                                                                   \
    TC_CASE(TC_IS_EQUAL, a[i] == b[i]);                                                            \
    TC_CASE(TC_IS_GREATER, a[i] > b[i]);                                                           \
    TC_CASE(TC_IS_GREATEROREQUAL, a[i] >= b[i]);                                                   \
    TC_CASE(TC_IS_LESS, a[i] < b[i]);                                                              \
    TC_CASE(TC_IS_LESSOREQUAL, a[i] <= b[i]);                                                      \
    TC_CASE(TC_IS_AND, a[i] != 0 && b[i] != 0);                                                    \
    TC_CASE(TC_IS_OR, a[i] != 0 || b[i] != 0)

static void reals(tc_compare_kind kind, const double *a, const double *b, int32_t count, uint8_t *y)
{
    switch (kind) {
        TC_CASES;
    }
}

static void integers(tc_compare_kind kind, const int64_t *a, const int64_t *b, int32_t count,
                     uint8_t *y)
{
    switch (kind) {
        TC_CASES;
    }
}

/* One chunk: y[i] from a[i * a_step] and b[i * b_step]. */
static void one_chunk(const tc_compare_params *p, const void *a, int32_t a_step, const void *b,
                      int32_t b_step, int32_t count, uint8_t *y)
{
    if (tc_is_real(p->type)) {
        double left[TC_CHUNK];
        double right[TC_CHUNK];
        tc_load_doubles(p->type, a, a_step, count, left);
        tc_load_doubles(p->type, b, b_step, count, right);
        reals(p->kind, left, right, count, y);
    } else {
        int64_t left[TC_CHUNK];
        int64_t right[TC_CHUNK];
        tc_load_integers(p->type, a, a_step, count, left);
        tc_load_integers(p->type, b, b_step, count, right);
        integers(p->kind, left, right, count, y);
    }
}

void tc_compare(const tc_compare_params *p, const void *a, const void *b, void *y)
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
            one_chunk(p, tc_at(a, p->type, a_index), a_step, tc_at(b, p->type, b_index), b_step,
                      count, (uint8_t *)y + place.at[2] + i);
        }
    } while (tc_next(loops, &place));
}
