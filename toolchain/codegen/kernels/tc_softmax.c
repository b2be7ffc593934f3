#include "tc_softmax.h"

#include "tc_elements.h"

/* One run: elements x[0], x[step], ... */
static void one_run(const tc_softmax_params *p, const void *x, void *y)
{
    const int32_t step = p->inner;
    int32_t values[TC_CHUNK];
    int32_t largest = -65536;
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        tc_widen(p->x_type, tc_at(x, p->x_type, (ptrdiff_t)first * step), step, 0, count, values);
        for (int32_t i = 0; i < count; i++) {
            largest = tc_max(largest, values[i]);
        }
    }
    int64_t total = 0;
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        tc_widen(p->x_type, tc_at(x, p->x_type, (ptrdiff_t)first * step), step, 0, count, values);
        for (int32_t i = 0; i < count; i++) {
            total += p->exponentials[largest - values[i]];
        }
    }
    const float sum = (float)total;
    for (int32_t i = 0; i < p->length; i++) {
        const ptrdiff_t at = (ptrdiff_t)i * step;
        int32_t value;
        tc_widen(p->x_type, tc_at(x, p->x_type, at), 1, 0, 1, &value);
        const float share = (float)p->exponentials[largest - value] / sum;
        const float steps = share * p->factor;
        tc_saturate(&steps, 1, &p->grid, tc_to(y, p->grid.type, at));
    }
}

void tc_softmax(const tc_softmax_params *p, const void *x, void *y)
{
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            const ptrdiff_t at = (ptrdiff_t)outer * p->length * p->inner + inner;
            one_run(p, tc_at(x, p->x_type, at), tc_to(y, p->grid.type, at));
        }
    }
}
