/* Elements at listed positions: gather, pad, tile, nearest resize. */
#ifndef TC_TAKE_H
#define TC_TAKE_H

#include "tc_loops.h"

/* Axes from the slowest to the fastest in memory, the same for x and y. */
typedef struct {
    int32_t size; /* bytes of one element: 1, 2, 4 or 8 */
    int32_t rank;
    int32_t shape[TC_MAX_RANK]; /* of y */
    int32_t x_shape[TC_MAX_RANK];
    const int32_t *positions[TC_MAX_RANK]; /* in x, for every index of y; 0: all, as they are */
    uint64_t fill;                         /* bytes of an element at a position below 0 */
} tc_take_params;

void tc_take(const tc_take_params *p, const void *x, void *y);

#endif
