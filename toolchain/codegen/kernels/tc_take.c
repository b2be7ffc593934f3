#include "tc_take.h"

#include <string.h>

static void fill_run(const tc_take_params *p, int32_t count, unsigned char *y)
{
    unsigned char element[8];
    for (int32_t i = 0; i < p->size; i++) {
        element[i] = (unsigned char)(p->fill >> (8 * i));
    }
    for (int32_t i = 0; i < count; i++) {
        memcpy(y + (ptrdiff_t)i * p->size, element, (size_t)p->size);
    }
}

/* The innermost axes that are taken as they are make runs of elements that are copied at once. */
static int32_t run_axes(const tc_take_params *p, ptrdiff_t *run)
{
    int32_t outer = p->rank;
    *run = 1;
    while (outer > 0 && p->positions[outer - 1] == NULL) {
        outer--;
        *run *= p->shape[outer];
    }
    return outer;
}

void tc_take(const tc_take_params *p, const void *x, void *y)
{
    ptrdiff_t run;
    const int32_t outer = run_axes(p, &run);
    int32_t index[TC_MAX_RANK] = {0};
    unsigned char *to = (unsigned char *)y;
    for (;;) {
        ptrdiff_t at = 0;
        int outside = 0;
        for (int32_t axis = 0; axis < outer; axis++) {
            const int32_t *list = p->positions[axis];
            const int32_t position = list != NULL ? list[index[axis]] : index[axis];
            outside |= position < 0;
            at = at * p->x_shape[axis] + position;
        }
        if (outside) {
            fill_run(p, (int32_t)run, to);
        } else {
            memcpy(to, (const unsigned char *)x + at * run * p->size, (size_t)(run * p->size));
        }
        to += run * p->size;
        int32_t axis = outer - 1;
        while (axis >= 0 && ++index[axis] == p->shape[axis]) {
            index[axis--] = 0;
        }
        if (axis < 0) {
            return;
        }
    }
}
