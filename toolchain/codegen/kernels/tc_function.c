#include "tc_function.h"

#include "tc_elements.h"

void tc_function(const tc_function_params *p, const void *x, void *y)
{
    int32_t steps[TC_CHUNK];
    float values[TC_CHUNK];
    for (int32_t first = 0; first < p->count; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->count - first);
        tc_widen(p->x_type, tc_at(x, p->x_type, first), 1, p->x_zero_point, count, steps);
        for (int32_t i = 0; i < count; i++) {
            values[i] = (float)steps[i] * p->x_scale;
        }
        tc_apply(&p->function, values, count);
        for (int32_t i = 0; i < count; i++) {
            const float value = values[i] == values[i] ? values[i] : 0.0f;
            values[i] = value / p->y_scale;
        }
        tc_saturate(values, count, &p->grid, tc_to(y, p->grid.type, first));
    }
}
