#include "tc_cast.h"

#include <string.h>

#include "tc_numbers.h"

/* Bounds of an integer type; both are exact, and the upper one is 2**63 for int64. */
static void bounds(tc_type type, double *low, double *high, int64_t *least, int64_t *most)
{
    const int32_t bits = 8 * tc_size(type);
    if (type == TC_UINT8 || type == TC_UINT16) {
        *least = 0;
        *most = (INT64_C(1) << bits) - 1;
    } else {
        *most = (int64_t)(UINT64_MAX >> (65 - bits));
        *least = -*most - 1;
    }
    *low = (double)*least;
    *high = (double)*most;
}

static void to_integers(tc_type type, const double *values, int32_t count, void *y)
{
    double low;
    double high;
    int64_t least;
    int64_t most;
    int64_t whole[TC_CHUNK];
    bounds(type, &low, &high, &least, &most);
    for (int32_t i = 0; i < count; i++) {
        if (values[i] >= high) {
            whole[i] = most;
        } else if (values[i] <= low) {
            whole[i] = least;
        } else {
            whole[i] = values[i] == values[i] ? (int64_t)values[i] : 0;
        }
    }
    tc_store_integers(type, whole, count, y);
}

/* One chunk between integers or to bool. */
static void from_integers(const tc_cast_params *p, const void *x, int32_t count, void *y)
{
    int64_t values[TC_CHUNK];
    tc_load_integers(p->x_type, x, 1, count, values);
    for (int32_t i = 0; p->to_bool && i < count; i++) {
        values[i] = values[i] != 0;
    }
    tc_store_integers(p->y_type, values, count, y);
}

static void from_reals(const tc_cast_params *p, const void *x, int32_t count, void *y)
{
    double values[TC_CHUNK];
    tc_load_doubles(p->x_type, x, 1, count, values);
    for (int32_t i = 0; p->to_bool && i < count; i++) {
        values[i] = values[i] != 0.0 ? 1.0 : 0.0;
    }
    to_integers(p->y_type, values, count, y);
}

static void to_reals(const tc_cast_params *p, const void *x, int32_t count, void *y)
{
    if (p->y_type == TC_FLOAT32) {
        float values[TC_CHUNK];
        tc_load_floats(p->x_type, x, 1, count, values);
        memcpy(y, values, (size_t)count * sizeof(float));
    } else {
        double values[TC_CHUNK];
        tc_load_doubles(p->x_type, x, 1, count, values);
        memcpy(y, values, (size_t)count * sizeof(double));
    }
}

void tc_cast(const tc_cast_params *p, const void *x, void *y)
{
    for (int32_t first = 0; first < p->count; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->count - first);
        const void *from = tc_at(x, p->x_type, first);
        void *to = tc_to(y, p->y_type, first);
        if (tc_is_real(p->y_type)) {
            to_reals(p, from, count, to);
        } else if (tc_is_real(p->x_type)) {
            from_reals(p, from, count, to);
        } else {
            from_integers(p, from, count, to);
        }
    }
}
