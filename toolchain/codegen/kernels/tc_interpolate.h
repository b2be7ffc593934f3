/* Resize by weighted sums of some elements along axes, one axis after the other. */
#ifndef TC_INTERPOLATE_H
#define TC_INTERPOLATE_H

#include "tc_loops.h"
#include "tc_saturate.h"

/* One axis of y, and where its elements come from. */
typedef struct {
    int32_t extent;
    int32_t x_step;           /* from one element of x along this axis to the next */
    int32_t taps;             /* elements of x in a sum; 0: the one at the same index */
    const int32_t *positions; /* in x, [tap][index] */
    const float *weights;     /* alike */
    const uint8_t *outside;   /* what is filled, [index]; 0: nothing */
} tc_resampled_axis;

typedef struct {
    tc_type x_type;
    int32_t x_zero_point;
    float factor;
    int32_t fill;
    tc_grid grid;
    int32_t rank; /* axes from the slowest to the fastest in memory, */
    tc_resampled_axis axes[TC_MAX_RANK];
    int32_t run;                /* and elements behind them that are left as they lie */
    int32_t sums;               /* axes with taps, */
    int32_t order[TC_MAX_RANK]; /* in the order in which they are summed */
} tc_interpolate_params;

void tc_interpolate(const tc_interpolate_params *p, const void *x, void *y);

#endif
