/* Elements at computed positions: read from there, or put there. */
#ifndef TC_GATHER_H
#define TC_GATHER_H

#include "tc_loops.h"

/*
 * Blocks of neighbouring elements are moved as one. A position is `depth` neighbouring indices;
 * strides of x and y are in blocks. An index below 0 counts from the end, and one that lies outside
 * is taken as the nearest one inside.
 */
typedef struct {
    tc_type index_type;
    int32_t depth;
    int32_t extent[TC_MAX_RANK];
    int32_t stride[TC_MAX_RANK];
    tc_loops loops; /* operands: indices, x, y */
    int32_t bytes;  /* of a block */
} tc_gather_params;

/* y = x[indices] */
void tc_gather(const tc_gather_params *p, const void *x, const void *indices, void *y);

typedef struct {
    tc_gather_params to; /* operands: indices, y, updates */
    int32_t add;         /* updates are added, one after the other, not put there */
    tc_type type;
} tc_scatter_params;

/* y[indices] = updates, or += */
void tc_scatter(const tc_scatter_params *p, const void *indices, const void *updates, void *y);

#endif
