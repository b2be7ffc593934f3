/* What all kernels share: types, rounding, and how the caller lends a hand. C99. */
#ifndef TC_BASE_H
#define TC_BASE_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "float must be computed as float: on x86 compile with -msse2 -mfpmath=sse"
#endif
#if (-1 >> 1) != -1
#error "shifting negative integers to the right must keep their sign"
#endif
#ifdef __FAST_MATH__
#error "compile without -ffast-math: results are specified to the bit"
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* Type of one stored element. */
typedef enum {
    TC_INT8,
    TC_UINT8,
    TC_INT16,
    TC_UINT16,
    TC_INT32,
    TC_INT64,
    TC_FLOAT32,
    TC_FLOAT64
} tc_type;

/* Of two integers that are equally near: the even one, the larger one, the one farther from 0. */
typedef enum { TC_HALF_EVEN, TC_HALF_UP, TC_HALF_AWAY } tc_rounding;

/*
 * What the caller of a model may lend it; all of it may be 0.
 *
 * parallel_for calls task(job, part) for every part from 0 to parts - 1, in any order and side by
 * side, and returns when all are done. observe is shown every tensor when it has been computed;
 * its number is the place in the model's list of layers.
 */
typedef struct {
    void (*parallel_for)(void *pool, int32_t parts, void (*task)(void *job, int32_t part),
                         void *job);
    void *pool;
    void (*observe)(void *observer, int32_t tensor, const void *data);
    void *observer;
} tc_context;

/* Shows a tensor to the observer, if there is one. */
static inline void tc_show(const tc_context *context, int32_t tensor, const void *data)
{
    if (context != NULL && context->observe != NULL) {
        context->observe(context->observer, tensor, data);
    }
}

/* Elements that are worked on at a time, between memory and registers. */
enum { TC_CHUNK = 256 };

static inline int32_t tc_min(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t tc_max(int32_t a, int32_t b) { return a > b ? a : b; }

/* Bytes of one element. */
static inline int32_t tc_size(tc_type type)
{
    switch (type) {
    case TC_INT8:
    case TC_UINT8:
        return 1;
    case TC_INT16:
    case TC_UINT16:
        return 2;
    case TC_INT32:
    case TC_FLOAT32:
        return 4;
    case TC_INT64:
    case TC_FLOAT64:
        break;
    }
    return 8;
}

/* Address of element `index`. */
static inline const void *tc_at(const void *data, tc_type type, ptrdiff_t index)
{
    return (const unsigned char *)data + index * tc_size(type);
}

static inline void *tc_to(void *data, tc_type type, ptrdiff_t index)
{
    return (unsigned char *)data + index * tc_size(type);
}

/*
 * Calls task(job, part) for `parts` parts: by the caller's parallel_for if there is one and more
 * than one part, else here, one after the other.
 */
static inline void tc_for_parts(const tc_context *context, int32_t parts,
                                void (*task)(void *job, int32_t part), void *job)
{
    if (context != NULL && context->parallel_for != NULL && parts > 1) {
        context->parallel_for(context->pool, parts, task, job);
        return;
    }
    for (int32_t part = 0; part < parts; part++) {
        task(job, part);
    }
}

#endif
