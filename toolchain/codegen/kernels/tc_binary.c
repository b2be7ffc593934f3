#include "tc_binary.h"

#include "tc_elements.h"

/* a and b are centred; subtraction has been turned into the sign of b's factor. */
static void combine(const tc_binary_params *p, const int32_t *a, const int32_t *b, int32_t count,
                    void *y)
{
    if (p->kind == TC_MUL) {
        int64_t products[TC_CHUNK];
        for (int32_t i = 0; i < count; i++) {
            products[i] = (int64_t)a[i] * b[i];
        }
        tc_scale(&p->scale, products, count, y);
    } else if (p->scale.exact) {
        int64_t sums[TC_CHUNK];
        for (int32_t i = 0; i < count; i++) {
            sums[i] = a[i] * p->a_significand + b[i] * p->b_significand;
        }
        tc_scale(&p->scale, sums, count, y);
    } else {
        float sums[TC_CHUNK];
        for (int32_t i = 0; i < count; i++) {
            const float left = (float)a[i] * p->a_factor;
            const float right = (float)b[i] * p->b_factor;
            sums[i] = left + right;
        }
        tc_saturate(sums, count, &p->scale.grid, y);
    }
}

void tc_binary(const tc_binary_params *p, const void *a, const void *b, void *y)
{
    const tc_loops *loops = &p->loops;
    const int32_t last = loops->rank - 1;
    const int32_t *step[TC_MAX_OPERANDS] = {loops->stride[0], loops->stride[1], loops->stride[2]};
    int32_t left[TC_CHUNK];
    int32_t right[TC_CHUNK];
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i += TC_CHUNK) {
            const int32_t count = tc_min(TC_CHUNK, loops->shape[last] - i);
            const ptrdiff_t a_index = place.at[0] + (ptrdiff_t)i * step[0][last];
            const ptrdiff_t b_index = place.at[1] + (ptrdiff_t)i * step[1][last];
            tc_widen(p->a_type, tc_at(a, p->a_type, a_index), step[0][last], p->a_zero_point,
                     count, left);
            tc_widen(p->b_type, tc_at(b, p->b_type, b_index), step[1][last], p->b_zero_point,
                     count, right);
            combine(p, left, right, count, tc_to(y, p->scale.grid.type, place.at[2] + i));
        }
    } while (tc_next(loops, &place));
}
