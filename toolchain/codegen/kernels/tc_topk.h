/* Where the largest or smallest elements along one axis are. */
#ifndef TC_TOPK_H
#define TC_TOPK_H

#include "tc_base.h"

typedef struct {
    int32_t outer;  /* runs along the axis: outer * inner of them, */
    int32_t length; /* each of this many elements, */
    int32_t inner;  /* that are this far apart */
    int32_t count;  /* how many are looked for */
    int32_t smallest;
    tc_type type;
} tc_topk_params;

/* y = indices along the axis (int64_t), sorted; of equals the first one; NaN is the largest. */
void tc_topk(const tc_topk_params *p, const void *x, void *y);

#endif
