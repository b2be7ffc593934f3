#include "tc_float_arg.h"

#include "tc_numbers.h"

static int64_t among_floats(const tc_float_arg_params *p, const float *x)
{
    int32_t best = p->select_last ? p->length - 1 : 0;
    for (int32_t i = 1; i < p->length; i++) {
        const int32_t at = p->select_last ? p->length - 1 - i : i;
        const float v = x[(ptrdiff_t)at * p->inner];
        const float found = x[(ptrdiff_t)best * p->inner];
        if (found == found && (v != v || (p->smallest ? v < found : v > found))) {
            best = at;
        }
    }
    return best;
}

static int64_t among_integers(const tc_float_arg_params *p, const void *x)
{
    int32_t best = 0;
    int64_t found = 0;
    for (int32_t i = 0; i < p->length; i++) {
        const int32_t at = p->select_last ? p->length - 1 - i : i;
        int64_t v;
        tc_load_integers(p->type, tc_at(x, p->type, (ptrdiff_t)at * p->inner), 1, 1, &v);
        if (i == 0 || (p->smallest ? v < found : v > found)) {
            best = at;
            found = v;
        }
    }
    return best;
}

void tc_float_arg(const tc_float_arg_params *p, const void *x, void *y)
{
    int64_t *to = (int64_t *)y;
    for (int32_t outer = 0; outer < p->outer; outer++) {
        for (int32_t inner = 0; inner < p->inner; inner++) {
            const ptrdiff_t at = (ptrdiff_t)outer * p->length * p->inner + inner;
            const void *from = tc_at(x, p->type, at);
            *to++ = p->type == TC_FLOAT32 ? among_floats(p, (const float *)from)
                                          : among_integers(p, from);
        }
    }
}
