#include "tc_elementary.h"

#include "tc_series.h"

static double sign_of(double x)
{
    if (x == 0.0) {
        return 0.0;
    }
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
}

/* The hyperbolic tangent by e**x - 1, which does not cancel out near 0. */
static double tanh_of(double x)
{
    const double m = tc_expm1(-2.0 * tc_abs(x));
    return tc_with_sign(-m / (m + 2.0), x);
}

static double erf_of(double x)
{
    const double a = tc_abs(x);
    return tc_with_sign(a < 2.0 ? tc_erf_near(a) : 1.0 - tc_erfc_far(a), x);
}

static double softplus(double x)
{
    const double u = tc_exp(-tc_abs(x));
    return (x > 0.0 ? x : 0.0) + tc_twice_atanh(u / (2.0 + u));
}

static double sin_of(double x)
{
    const double v = tc_sin_quarter(tc_abs(x), 0);
    return tc_is_negative(x) ? -v : v;
}

/* low and high where v lies beyond them; a NaN stays. */
static double clamp(double v, double low, double high)
{
    v = v < low ? low : v;
    return v > high ? high : v;
}

/* A bound that is NaN makes everything NaN. */
static double clip(double v, double low, double high)
{
    v = low > v || low != low ? low : v;
    return high < v || high != high ? high : v;
}

/* alpha * (e**(x / divisor) - 1) below 0 */
static double elu(double x, double alpha, double divisor)
{
    const double below = alpha * tc_expm1(x / divisor);
    return x < 0.0 ? below : x;
}

static double gelu_tanh(double x)
{
    const double u = 7.97884560802865355880e-01 * (x + 0.044715 * ((x * x) * x));
    return x * tc_logistic(2.0 * u);
}

static double mish(double x)
{
    const double e = tc_exp(x > 40.0 ? 40.0 : x);
    const double n = e * (e + 2.0);
    return x * (n / (n + 2.0));
}

/* a to the power of y for a >= 0: products and roots where y says so, else by the logarithm. */
static double power_of_magnitude(double a, double y)
{
    const double magnitude = tc_abs(y);
    double known;
    if (magnitude == 0.5) {
        known = sqrt(a);
    } else if (magnitude == 1.0 || magnitude == 2.0 || magnitude == 3.0 || magnitude == 4.0) {
        known = a;
        for (double n = 1.0; n < magnitude; n++) {
            known = known * a;
        }
    } else {
        return tc_exp(y * tc_log(a));
    }
    return y < 0.0 ? 1.0 / known : known;
}

/* x to the power of y; the special cases are those of C99 (F.9.4.4). */
static double power(double x, double y)
{
    const double a = tc_abs(x);
    if (y == 0.0 || x == 1.0 || (a == 1.0 && tc_abs(y) == (double)INFINITY)) {
        return 1.0;
    }
    const int whole = tc_rint(y) == y; /* true for infinities */
    if (x < 0.0 && a < (double)INFINITY && !whole) {
        return (double)NAN;
    }
    const double value = power_of_magnitude(a, y);
    const double half = tc_abs(y) / 2.0;
    const int odd = whole && tc_abs(y) < 16777216.0 && tc_floor(half) != half;
    return odd && tc_is_negative(x) ? -value : value;
}

float tc_pow(float x, float y) { return (float)power((double)x, (double)y); }

#define TC_CASE(KIND, RESULT)                                                                      \
    case KIND:                                                                                     \
        for (int32_t i = 0; i < count; i++) {                                                      \
            const double x = (double)values[i];                                                    \
            values[i] = (float)(RESULT);                                                           \
        }                                                                                          \
        break

void tc_apply(const tc_elementary *f, float *values, int32_t count)
{
    const double alpha = (double)f->alpha;
    const double beta = (double)f->beta;
    switch (f->kind) {
        TC_CASE(TC_FN_ABS, tc_abs(x));
        TC_CASE(TC_FN_NEG, -x);
        TC_CASE(TC_FN_SIGN, sign_of(x));
        TC_CASE(TC_FN_FLOOR, tc_floor(x));
        TC_CASE(TC_FN_CEIL, -tc_floor(-x));
        TC_CASE(TC_FN_ROUND, tc_rint(x));
        TC_CASE(TC_FN_EXP, tc_exp(x));
        TC_CASE(TC_FN_LOG, tc_log(x));
        TC_CASE(TC_FN_SIGMOID, tc_logistic(x));
        TC_CASE(TC_FN_TANH, tanh_of(x));
        TC_CASE(TC_FN_ERF, erf_of(x));
        TC_CASE(TC_FN_SOFTPLUS, softplus(x));
        TC_CASE(TC_FN_SIN, sin_of(x));
        TC_CASE(TC_FN_COS, tc_sin_quarter(tc_abs(x), 1));
        TC_CASE(TC_FN_SQRT, sqrt(x));
        TC_CASE(TC_FN_RECIPROCAL, 1.0 / x);
        TC_CASE(TC_FN_SOFTSIGN, x / (1.0 + tc_abs(x)));
        TC_CASE(TC_FN_RELU, x < 0.0 ? 0.0 : x);
        TC_CASE(TC_FN_HARDSWISH, (x * clamp(x + 3.0, 0.0, 6.0)) / 6.0);
        TC_CASE(TC_FN_GELU, (0.5 * x) * tc_erfc(-(x * TC_SQRT_HALF)));
        TC_CASE(TC_FN_GELU_TANH, gelu_tanh(x));
        TC_CASE(TC_FN_MISH, mish(x));
        TC_CASE(TC_FN_LEAKYRELU, x < 0.0 ? alpha * x : x);
        TC_CASE(TC_FN_THRESHOLDEDRELU, x <= alpha ? 0.0 : x);
        TC_CASE(TC_FN_ELU, elu(x, alpha, 1.0));
        TC_CASE(TC_FN_CELU, elu(x, alpha, alpha));
        TC_CASE(TC_FN_SELU, beta * elu(x, alpha, 1.0));
        TC_CASE(TC_FN_HARDSIGMOID, clamp(alpha * x + beta, 0.0, 1.0));
        TC_CASE(TC_FN_SWISH, x * tc_logistic(alpha * x));
        TC_CASE(TC_FN_DIV, x / alpha);
        TC_CASE(TC_FN_POW, power(x, alpha));
        TC_CASE(TC_FN_CLIP, clip(x, alpha, beta));
    }
}

void tc_unary(const tc_unary_params *p, const void *x, void *y)
{
    const float *source = (const float *)x;
    float *result = (float *)y;
    float values[TC_CHUNK];
    for (int32_t first = 0; first < p->count; first += TC_CHUNK) {
        const int32_t count = tc_min(TC_CHUNK, p->count - first);
        memcpy(values, source + first, (size_t)count * sizeof(float));
        tc_apply(&p->function, values, count);
        memcpy(result + first, values, (size_t)count * sizeof(float));
    }
}
