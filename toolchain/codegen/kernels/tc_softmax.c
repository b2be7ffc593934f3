#include "tc_softmax.h"

#include "tc_elements.h"

static int32_t largest_of(const tc_softmax_params *p, const void *x)
{
    int32_t values[TC_CHUNK];
    int32_t largest = INT32_MIN;
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        tc_widen(p->x_type, tc_at(x, p->x_type, first), 1, 0, count, values);
        for (int32_t i = 0; i < count; i++) {
            largest = tc_max(largest, values[i]);
        }
    }
    return largest;
}

/* Exponentials of elements first .. first + count - 1 of a row. */
static void exponentials(const tc_softmax_params *p, const void *x, int32_t first, int32_t count,
                         int32_t largest, int32_t *restrict result)
{
    const int32_t *low = p->low;
    const int32_t *high = p->high;
    int32_t values[TC_CHUNK];
    tc_widen(p->x_type, tc_at(x, p->x_type, first), 1, 0, count, values);
    if (high == NULL) {
        for (int32_t i = 0; i < count; i++) {
            result[i] = low[largest - values[i]];
        }
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        const int32_t distance = largest - values[i];
        const int64_t product = (int64_t)high[distance / 256] * low[distance % 256];
        result[i] = (int32_t)((product + (INT64_C(1) << 29)) / (INT64_C(1) << 30));
    }
}

static void one_row(const tc_softmax_params *p, const void *x, void *y)
{
    const int32_t largest = largest_of(p, x);
    int32_t parts[TC_CHUNK];
    int64_t total = 0;
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        exponentials(p, x, first, count, largest, parts);
        for (int32_t i = 0; i < count; i++) {
            total += parts[i];
        }
    }
    const float sum = (float)total;
    float steps[TC_CHUNK];
    for (int32_t first = 0; first < p->length; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->length - first);
        if (p->length > TC_CHUNK) { /* else they are there */
            exponentials(p, x, first, count, largest, parts);
        }
        for (int32_t i = 0; i < count; i++) {
            const float share = (float)parts[i] / sum;
            steps[i] = share * p->factor;
        }
        tc_saturate(steps, count, &p->grid, tc_to(y, p->grid.type, first));
    }
}

void tc_softmax(const tc_softmax_params *p, const void *x, void *y)
{
    for (int32_t row = 0; row < p->rows; row++) {
        const ptrdiff_t at = (ptrdiff_t)row * p->length;
        one_row(p, tc_at(x, p->x_type, at), tc_to(y, p->grid.type, at));
    }
}
