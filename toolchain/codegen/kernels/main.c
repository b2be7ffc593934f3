/*
 * Runs a model on tensors from standard input and writes its outputs to standard output, both raw,
 * one sample after the other. Everything is row-major, in the byte order of the machine.
 *
 *     --layers        every sample's outputs are followed by all its layers
 *     --dump FOLDER   run one sample only, and write all its tensors to files in FOLDER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tc_model.h"

#ifndef TC_MODEL
#define TC_MODEL model
#endif
extern const tc_model TC_MODEL;

enum { MOST_AXES = 16, PATH_BYTES = 1024 };

static void fail(const char *message)
{
    fprintf(stderr, "%s\n", message);
    exit(1);
}

static unsigned char *allocate(const tc_tensor *tensor)
{
    unsigned char *data = (unsigned char *)malloc(tc_tensor_bytes(tensor));
    if (data == NULL || tensor->rank > MOST_AXES) {
        fail("a tensor is too large");
    }
    return data;
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

/* The observer of a run: keeps every layer as it is shown. */
static void record(void *observer, int32_t tensor, const void *data)
{
    unsigned char **layers = (unsigned char **)observer;
    to_row_major(&TC_MODEL.layers[tensor], (const unsigned char *)data, layers[tensor]);
}

/* 0 at the end of the input; part of a sample is an error. Without inputs there is one sample. */
static int read_sample(unsigned char *const *inputs, int32_t number)
{
    if (TC_MODEL.input_count == 0) {
        return number == 0;
    }
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

static void write_tensor(const tc_tensor *tensor, const unsigned char *data, FILE *file)
{
    const size_t size = tc_tensor_bytes(tensor);
    if (fwrite(data, 1, size, file) != size) {
        fail("the output cannot be written");
    }
}

static void write_tensors(const tc_tensor *tensors, int32_t count, unsigned char *const *data)
{
    for (int32_t i = 0; i < count; i++) {
        write_tensor(&tensors[i], data[i], stdout);
    }
}

/* Opens FOLDER/name for writing. */
static FILE *create(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    const int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = length > 0 && length < PATH_BYTES ? fopen(path, "wb") : NULL;
    if (file == NULL) {
        fail("a file cannot be written: does the folder exist?");
    }
    return file;
}

static void finish(FILE *file)
{
    if (fclose(file) != 0) {
        fail("a file cannot be written");
    }
}

/* A string of JSON. */
static void write_text(const char *text, FILE *file)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fprintf(file, "\\%c", *text);
        } else if ((unsigned char)*text < 0x20) {
            fprintf(file, "\\u%04x", (unsigned int)*text);
        } else {
            fputc(*text, file);
        }
    }
    fputc('"', file);
}

static const char *type_name(tc_type type)
{
    static const char *const names[] = {"int8",  "uint8", "int16",   "uint16",
                                        "int32", "int64", "float32", "float64"};
    return names[type];
}

/* Writes a tensor into a file of its own, and its line of the index behind a `separator`. */
static void dump_tensor(const char *folder, const char *kind, int32_t number,
                        const tc_tensor *tensor, const unsigned char *data, const char *separator,
                        FILE *index)
{
    char name[64];
    snprintf(name, sizeof(name), "%s_%d.raw", kind, (int)number);
    FILE *file = create(folder, name);
    write_tensor(tensor, data, file);
    finish(file);

    fprintf(index, "%s{\"name\": ", separator);
    write_text(tensor->name, index);
    fprintf(index, ", \"kind\": \"%s\", \"file\": \"%s\", \"dtype\": \"%s\", \"shape\": [", kind,
            name, type_name(tensor->type));
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        fprintf(index, "%s%d", axis > 0 ? ", " : "", (int)tensor->shape[axis]);
    }
    if (tensor->scale > 0) {
        fprintf(index, "], \"scale\": %.17g, \"zero_point\": %d}", (double)tensor->scale,
                (int)tensor->zero_point);
    } else {
        fprintf(index, "], \"scale\": null, \"zero_point\": 0}");
    }
}

/* The same for several; returns what separates them from the next ones. */
static const char *dump_tensors(const char *folder, const char *kind, const tc_tensor *tensors,
                                int32_t count, unsigned char *const *data, const char *separator,
                                FILE *index)
{
    for (int32_t i = 0; i < count; i++) {
        dump_tensor(folder, kind, i, &tensors[i], data[i], i > 0 ? ",\n" : separator, index);
    }
    return count > 0 ? ",\n" : separator;
}

/* Files of all tensors of a sample, and index.json, which says what they are. */
static void dump_sample(const char *folder, unsigned char *const *inputs,
                        unsigned char *const *layers, unsigned char *const *outputs)
{
    FILE *index = create(folder, "index.json");
    fprintf(index, "{\"format\": \"tc-dump\", \"version\": 1, \"target\": null, ");
    fprintf(index, "\"runner\": \"board\", \"samples\": [\n{\"name\": ");
    write_text(TC_MODEL.name, index);
    fprintf(index, ", \"folder\": \".\", \"tensors\": [\n");
    const char *by = dump_tensors(folder, "input", TC_MODEL.inputs, TC_MODEL.input_count, inputs,
                                  "", index);
    by = dump_tensors(folder, "layer", TC_MODEL.layers, TC_MODEL.layer_count, layers, by, index);
    dump_tensors(folder, "output", TC_MODEL.outputs, TC_MODEL.output_count, outputs, by, index);
    fprintf(index, "\n]}]}\n");
    finish(index);
}

int main(int argc, char **argv)
{
    const int with_layers = argc == 2 && strcmp(argv[1], "--layers") == 0;
    const char *folder = argc == 3 && strcmp(argv[1], "--dump") == 0 ? argv[2] : NULL;
    if (argc > 1 && !with_layers && folder == NULL) {
        fail("usage: program [--layers | --dump FOLDER] < inputs > outputs");
    }
    unsigned char **inputs = allocate_all(TC_MODEL.inputs, TC_MODEL.input_count);
    unsigned char **outputs = allocate_all(TC_MODEL.outputs, TC_MODEL.output_count);
    const int watched = with_layers || folder != NULL;
    unsigned char **layers = watched ? allocate_all(TC_MODEL.layers, TC_MODEL.layer_count) : NULL;
    const tc_context context = {
        .observe = watched ? record : NULL,
        .observer = layers,
    };
    for (int32_t number = 0; read_sample(inputs, number); number++) {
        TC_MODEL.run((const void *const *)inputs, (void *const *)outputs, &context);
        if (folder != NULL) {
            dump_sample(folder, inputs, layers, outputs);
            return 0;
        }
        write_tensors(TC_MODEL.outputs, TC_MODEL.output_count, outputs);
        if (with_layers) {
            write_tensors(TC_MODEL.layers, TC_MODEL.layer_count, layers);
        }
        fflush(stdout); /* whoever feeds us may wait for these results */
    }
    if (folder != NULL) {
        fail("there is no sample to dump");
    }
    return 0;
}
