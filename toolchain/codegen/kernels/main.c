/*
 * Runs a model on tensors from standard input and writes its outputs to standard output, both raw,
 * one sample after the other. With --layers every sample's outputs are followed by all its layers.
 * Everything is row-major, in the byte order of the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tc_model.h"

#ifndef TC_MODEL
#error "define TC_MODEL as the name of the model"
#endif
extern const tc_model TC_MODEL;

enum { MOST_TENSORS = 64, MOST_AXES = 16 };

static void fail(const char *message)
{
    fprintf(stderr, "%s\n", message);
    exit(1);
}

/* Layers as they were shown, in row-major order. */
typedef struct {
    unsigned char **layers;
} recorder;

/* Copies a tensor from its own order of axes into row-major order. */
static void to_row_major(const tc_tensor *tensor, const unsigned char *data, unsigned char *result)
{
    const size_t size = (size_t)tc_size(tensor->type);
    const size_t count = tc_tensor_bytes(tensor) / size;
    size_t stride[MOST_AXES] = {0};
    int32_t index[MOST_AXES] = {0};
    size_t step = 1;
    for (int32_t i = tensor->rank - 1; i >= 0; i--) {
        stride[tensor->order[i]] = step;
        step *= (size_t)tensor->shape[tensor->order[i]];
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        for (int32_t axis = 0; axis < tensor->rank; axis++) {
            at += (size_t)index[axis] * stride[axis];
        }
        memcpy(result + i * size, data + at * size, size);
        for (int32_t axis = tensor->rank - 1; axis >= 0; axis--) {
            if (++index[axis] < tensor->shape[axis]) {
                break;
            }
            index[axis] = 0;
        }
    }
}

static void record(void *observer, int32_t tensor, const void *data)
{
    const recorder *r = (const recorder *)observer;
    to_row_major(&TC_MODEL.layers[tensor], (const unsigned char *)data, r->layers[tensor]);
}

static unsigned char *allocate(const tc_tensor *tensor)
{
    unsigned char *data = (unsigned char *)malloc(tc_tensor_bytes(tensor));
    if (data == NULL || tensor->rank > MOST_AXES) {
        fail("a tensor is too large");
    }
    return data;
}

/* 0 at the end of the input; part of a sample is an error. */
static int read_sample(unsigned char *const *inputs)
{
    for (int32_t i = 0; i < TC_MODEL.input_count; i++) {
        const size_t size = tc_tensor_bytes(&TC_MODEL.inputs[i]);
        const size_t got = fread(inputs[i], 1, size, stdin);
        if (got == 0 && i == 0) {
            return 0;
        }
        if (got != size) {
            fail("the input ends within a sample");
        }
    }
    return 1;
}

static void write_tensors(const tc_tensor *tensors, int32_t count, unsigned char *const *data)
{
    for (int32_t i = 0; i < count; i++) {
        const size_t size = tc_tensor_bytes(&tensors[i]);
        if (fwrite(data[i], 1, size, stdout) != size) {
            fail("the output cannot be written");
        }
    }
}

static unsigned char **allocate_all(const tc_tensor *tensors, int32_t count)
{
    unsigned char **data = (unsigned char **)malloc(sizeof(*data) * ((size_t)count + 1));
    if (data == NULL) {
        fail("out of memory");
    }
    for (int32_t i = 0; i < count; i++) {
        data[i] = allocate(&tensors[i]);
    }
    return data;
}

int main(int argc, char **argv)
{
    const int with_layers = argc == 2 && strcmp(argv[1], "--layers") == 0;
    if (argc > 1 && !with_layers) {
        fail("usage: model [--layers] < inputs > outputs");
    }
    unsigned char **inputs = allocate_all(TC_MODEL.inputs, TC_MODEL.input_count);
    unsigned char **outputs = allocate_all(TC_MODEL.outputs, TC_MODEL.output_count);
    recorder seen = {with_layers ? allocate_all(TC_MODEL.layers, TC_MODEL.layer_count) : NULL};
    const tc_context context = {
        .observe = with_layers ? record : NULL,
        .observer = &seen,
    };
    while (read_sample(inputs)) {
        TC_MODEL.run((const void *const *)inputs, (void *const *)outputs, &context);
        write_tensors(TC_MODEL.outputs, TC_MODEL.output_count, outputs);
        if (with_layers) {
            write_tensors(TC_MODEL.layers, TC_MODEL.layer_count, seen.layers);
        }
    }
    return 0;
}
