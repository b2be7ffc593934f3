/* Windows that slide over up to three spatial axes of channels-last tensors. */
#ifndef TC_WINDOW_H
#define TC_WINDOW_H

#include "tc_base.h"

enum { TC_SPATIAL = 3 };

/* Where windows lie; axes are depth, height, width. */
typedef struct {
    int32_t batch;
    int32_t in_channels;
    int32_t out_channels;
    int32_t in[TC_SPATIAL];
    int32_t out[TC_SPATIAL];
    int32_t kernel[TC_SPATIAL];
    int32_t stride[TC_SPATIAL];
    int32_t pad[TC_SPATIAL]; /* before the first element */
    int32_t dilation[TC_SPATIAL];
} tc_window;

/* Windows of one sample. */
static inline int32_t tc_plane(const tc_window *w) { return w->out[0] * w->out[1] * w->out[2]; }

/* Index along every axis of the window at `position` of its sample. */
static inline void tc_window_index(const tc_window *w, int32_t position, int32_t *index)
{
    index[0] = position / (w->out[1] * w->out[2]);
    index[1] = position / w->out[2] % w->out[1];
    index[2] = position % w->out[2];
}

/* Where the first element of that window lies in the input; it may be outside. */
static inline void tc_window_corner(const tc_window *w, int32_t position, int32_t *corner)
{
    tc_window_index(w, position, corner);
    for (int32_t axis = 0; axis < TC_SPATIAL; axis++) {
        corner[axis] = corner[axis] * w->stride[axis] - w->pad[axis];
    }
}

#endif
