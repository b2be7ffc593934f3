#include "tc_slope.h"

#include "tc_elements.h"

void tc_slope(const tc_slope_params *p, const void *x, void *y)
{
    const tc_loops *loops = &p->loops;
    const int32_t last = loops->rank - 1;
    const ptrdiff_t step = loops->stride[0][last];
    int32_t values[TC_CHUNK];
    float steps[TC_CHUNK];
    tc_place place = {{0}, {0}};
    do {
        for (int32_t i = 0; i < loops->shape[last]; i += TC_CHUNK) {
            const int32_t count = tc_min(TC_CHUNK, loops->shape[last] - i);
            const float *negative = p->negative + place.at[0] + i * step;
            const ptrdiff_t at = place.at[1] + i;
            tc_widen(p->x_type, tc_at(x, p->x_type, at), 1, p->x_zero_point, count, values);
            for (int32_t k = 0; k < count; k++) {
                const float factor = values[k] < 0 ? negative[k * step] : p->factor;
                steps[k] = (float)values[k] * factor;
            }
            tc_saturate(steps, count, &p->grid, tc_to(y, p->grid.type, at));
        }
    } while (tc_next(loops, &place));
}
