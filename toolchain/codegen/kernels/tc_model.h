/* What firmware needs to know of a model: how to feed it, run it and read its results. */
#ifndef TC_MODEL_H
#define TC_MODEL_H

#include "tc_base.h"

/*
 * A tensor. A quantized one has a scale: real = (stored - zero_point) * scale; other tensors have
 * scale 0. order lists the axes from the slowest to the fastest in memory.
 */
typedef struct {
    const char *name;
    tc_type type;
    int32_t rank;
    const int32_t *shape;
    const int32_t *order;
    float scale;
    int32_t zero_point;
} tc_tensor;

/* A model. Inputs and outputs are in row-major order. */
typedef struct {
    const char *name;
    int32_t input_count;
    const tc_tensor *inputs;
    int32_t output_count;
    const tc_tensor *outputs;
    int32_t layer_count;
    const tc_tensor *layers; /* every tensor that `observe` is shown, by its number */
    size_t arena_bytes;
    /*
     * Runs the model once: inputs[i] and outputs[i] point to whole tensors, aligned like their
     * elements. context may be 0. Not reentrant, because the arena is static.
     */
    void (*run)(const void *const *inputs, void *const *outputs, const tc_context *context);
} tc_model;

/* Bytes of a whole tensor. */
static inline size_t tc_tensor_bytes(const tc_tensor *tensor)
{
    size_t bytes = (size_t)tc_size(tensor->type);
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        bytes *= (size_t)tensor->shape[axis];
    }
    return bytes;
}

#endif
