/* Functions of one float32 element, specified to the bit: computed in float64, rounded once. */
#ifndef TC_ELEMENTARY_H
#define TC_ELEMENTARY_H

#include "tc_base.h"

/* ONNX operators; what further numbers they have is written behind them. */
typedef enum {
    TC_FN_ABS,
    TC_FN_NEG,
    TC_FN_SIGN,
    TC_FN_FLOOR,
    TC_FN_CEIL,
    TC_FN_ROUND,
    TC_FN_EXP,
    TC_FN_LOG,
    TC_FN_SIGMOID,
    TC_FN_TANH,
    TC_FN_ERF,
    TC_FN_SOFTPLUS,
    TC_FN_SIN,
    TC_FN_COS,
    TC_FN_SQRT,
    TC_FN_RECIPROCAL,
    TC_FN_SOFTSIGN,
    TC_FN_RELU,
    TC_FN_HARDSWISH,
    TC_FN_GELU,
    TC_FN_GELU_TANH,
    TC_FN_MISH,
    TC_FN_LEAKYRELU,       /* alpha; PRelu of one slope, too */
    TC_FN_THRESHOLDEDRELU, /* alpha */
    TC_FN_ELU,             /* alpha */
    TC_FN_CELU,            /* alpha */
    TC_FN_SELU,            /* alpha, beta = gamma */
    TC_FN_HARDSIGMOID,     /* alpha, beta */
    TC_FN_SWISH,           /* alpha */
    TC_FN_DIV,             /* by alpha */
    TC_FN_POW,             /* alpha = the exponent */
    TC_FN_CLIP             /* alpha = lower bound, beta = upper bound; Max and Min, too */
} tc_function_kind;

/* A function with its numbers. */
typedef struct {
    tc_function_kind kind;
    float alpha;
    float beta;
} tc_elementary;

/* values[i] = f(values[i]) */
void tc_apply(const tc_elementary *f, float *values, int32_t count);

/* x to the power of y */
float tc_pow(float x, float y);

typedef struct {
    int32_t count;
    tc_elementary function;
} tc_unary_params;

/* y = f(x) */
void tc_unary(const tc_unary_params *p, const void *x, void *y);

#endif
