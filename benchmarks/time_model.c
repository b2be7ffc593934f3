/*
 * Times a model of one input and one output: runs it on the tensor in the file INPUT once for every
 * line of standard input, and answers with its seconds and its seconds on the processor. It stands
 * in the place of main.c, or before the C that emx-onnx-cgen generated.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>

#ifdef EMX
#include EMX
static int load(void)
{
    return emx_load("emx.bin");
}
static void run(const void *input, void *output)
{
    emx(input, output);
}
#else
#include "tc_model.h"
extern const tc_model TC_MODEL;
static int load(void)
{
    return 1;
}
static void run(const void *input, void *output)
{
    TC_MODEL.run(&input, &output, NULL);
}
#endif

/* Visible from elsewhere, so that compilers cannot leave anything out; aligned for any element. */
double input[INPUT_BYTES / sizeof(double) + 1];
double output[OUTPUT_BYTES / sizeof(double) + 1];

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void)
{
    FILE *file = fopen(INPUT, "rb");
    if (file == NULL || !load() || fread(input, 1, INPUT_BYTES, file) != INPUT_BYTES) {
        return 1;
    }
    while (getchar() != EOF) {
        const double processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
        const double wall = seconds(CLOCK_MONOTONIC);
        run(input, output);
        const double took = seconds(CLOCK_MONOTONIC) - wall;
        printf("%.9f %.9f\n", took, seconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
        fflush(stdout);
    }
    return 0;
}
