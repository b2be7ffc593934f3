#include "tc_float_cumsum.h"

#include "tc_numbers.h"

/* Without `exclusive` the first result is the first element, not 0 plus it: -0 stays. */
static void sum_floats(const tc_float_cumsum_params *p, const float *x, float *y, ptrdiff_t step)
{
    float total = 0;
    for (int32_t i = 0; i < p->length; i++) {
        const float v = x[i * step];
        const float next = i == 0 && !p->exclusive ? v : total + v;
        y[i * step] = p->exclusive ? total : next;
        total = next;
    }
}

static void sum_integers(const tc_float_cumsum_params *p, const void *x, void *y, ptrdiff_t step)
{
    int64_t total = 0;
    for (int32_t i = 0; i < p->length; i++) {
        int64_t v;
        tc_load_integers(p->type, tc_at(x, p->type, i * step), 1, 1, &v);
        const int64_t next = (int64_t)((uint64_t)total + (uint64_t)v);
        tc_store_integers(p->type, p->exclusive ? &total : &next, 1, tc_to(y, p->type, i * step));
        total = next;
    }
}

void tc_float_cumsum(const tc_float_cumsum_params *p, const void *x, void *y)
{
    const ptrdiff_t step = p->reverse ? -(ptrdiff_t)p->inner : p->inner;
    const ptrdiff_t first = p->reverse ? (ptrdiff_t)(p->length - 1) * p->inner : 0;
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            const ptrdiff_t at = (ptrdiff_t)outer * p->length * p->inner + inner + first;
            const void *from = tc_at(x, p->type, at);
            void *to = tc_to(y, p->type, at);
            if (p->type == TC_FLOAT32) {
                sum_floats(p, (const float *)from, (float *)to, step);
            } else {
                sum_integers(p, from, to, step);
            }
        }
    }
}
