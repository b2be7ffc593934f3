/* Windows over up to three spatial axes. */
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

#endif
