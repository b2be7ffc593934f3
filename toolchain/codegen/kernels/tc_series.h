/*
 * Series in float64 behind the elementary functions: only + - * / sqrt and exact scaling by powers
 * of two, every step rounded, so that the same bits come out everywhere.
 *
 * Sources: Abramowitz and Stegun, Handbook of Mathematical Functions (4.2.1, 4.1.27, 4.3.65,
 * 4.3.66, 7.1.6, 7.1.14); constants that are split in parts from fdlibm.
 */
#ifndef TC_SERIES_H
#define TC_SERIES_H

#include <math.h>
#include <string.h>

#include "tc_base.h"

#define TC_SQRT_HALF 7.07106781186547524401e-01

static inline uint64_t tc_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double tc_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#define TC_SIGN_BIT (UINT64_C(1) << 63)

static inline int tc_is_negative(double x) { return (tc_bits(x) & TC_SIGN_BIT) != 0; }

static inline double tc_abs(double x) { return tc_from_bits(tc_bits(x) & ~TC_SIGN_BIT); }

/* The magnitude of x with the sign of `sign`. */
static inline double tc_with_sign(double x, double sign)
{
    return tc_from_bits((tc_bits(x) & ~TC_SIGN_BIT) | (tc_bits(sign) & TC_SIGN_BIT));
}

/* The nearest integer, of two the even one: a sum beyond 2**52 has no fraction bits. */
static inline double tc_rint(double x)
{
    const double a = tc_abs(x);
    const double rounded = (a + 4503599627370496.0) - 4503599627370496.0;
    return tc_with_sign(a < 4503599627370496.0 ? rounded : a, x);
}

static inline double tc_floor(double x)
{
    const double near = tc_rint(x);
    return near > x ? near - 1.0 : near;
}

/* c[0] + x * (c[1] + x * ( ... c[count - 1])) */
static inline double tc_horner(const double *c, int32_t count, double x)
{
    double p = c[count - 1];
    for (int32_t i = count - 2; i >= 0; i--) {
        p = p * x + c[i];
    }
    return p;
}

/*
 * m and 2**k with e**x = (1 + m) * 2**k, x being clamped to [-708, 709]; 2**k is infinite for x
 * above that and 0 for x below. A NaN gives m = NaN. Without branches, so that it vectorises.
 */
static inline double tc_exp_parts(double x, double *power)
{
    static const double c[] = {
        1.0,           1.0 / 2.0,       1.0 / 6.0,        1.0 / 24.0,       1.0 / 120.0,
        1.0 / 720.0,   1.0 / 5040.0,    1.0 / 40320.0,    1.0 / 362880.0,   1.0 / 3628800.0,
        1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0};
    const double big = 6755399441055744.0; /* 1.5 * 2**52: the last bits of a sum are an integer */
    double b = x < -708.0 ? -708.0 : x;
    b = b > 709.0 ? 709.0 : b;
    const double shifted = b * 1.44269504088896338700 + big;
    const double k = shifted - big;
    const double r = (b - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
    /* k is 1023 at 709 and -1021 at -708: one more is infinity, two less are 0. */
    const uint64_t beyond = (uint64_t)(x > b) - 2 * (uint64_t)(x < b);
    *power = tc_from_bits((tc_bits(shifted) - tc_bits(big) + 1023 + beyond) << 52);
    return r * tc_horner(c, 13, r);
}

/* e**x */
static inline double tc_exp(double x)
{
    double power;
    const double m = tc_exp_parts(x, &power);
    return (1.0 + m) * power;
}

/* e**x - 1 without cancellation */
static inline double tc_expm1(double x)
{
    double power;
    const double m = tc_exp_parts(x, &power);
    const double y = (1.0 + m) * power - 1.0;
    return power == 1.0 ? m : y;
}

/* 2 atanh(s) for |s| <= 1/3 */
static inline double tc_twice_atanh(double s)
{
    static const double c[] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0,
                               1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0,
                               1.0 / 21.0, 1.0 / 23.0, 1.0 / 25.0, 1.0 / 27.0, 1.0 / 29.0,
                               1.0 / 31.0, 1.0 / 33.0, 1.0 / 35.0};
    return 2.0 * (s * tc_horner(c, 18, s * s));
}

/* Natural logarithm of a number that is no subnormal float64; -inf at 0, NaN below. */
static inline double tc_log(double x)
{
    const uint64_t bits = tc_bits(x);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    double m = tc_from_bits(fraction | (UINT64_C(1022) << 52)); /* in [1/2, 1) */
    int32_t exponent = (int32_t)((bits >> 52) & 0x7FF) - 1022;
    const int low = m < TC_SQRT_HALF;
    m = low ? m * 2.0 : m;
    exponent = low ? exponent - 1 : exponent;
    const double e = (double)exponent;
    const double rest = tc_twice_atanh((m - 1.0) / (m + 1.0)) + e * 1.90821492927058770002e-10;
    const double y = e * 6.93147180369123816490e-01 + rest;
    /* Of these three two add nothing. */
    const double zero = x == 0.0 ? (double)-INFINITY : 0.0;
    const double negative = x < 0.0 ? (double)NAN : 0.0;
    const double endless = x < (double)INFINITY ? 0.0 : x;
    return ((y + zero) + negative) + endless;
}

/* 1 / (1 + e**-x) */
static inline double tc_logistic(double x) { return 1.0 / (1.0 + tc_exp(-x)); }

#define TC_SQRT_PI 1.77245385090551602730

/* erf(a) for 0 <= a < 2 */
static inline double tc_erf_near(double a)
{
    const double square = a * a;
    double term = a;
    double sum = a;
    for (int32_t n = 1; n <= 31; n++) {
        term = term * ((2.0 * square) / (double)(2 * n + 1));
        sum = sum + term;
    }
    return (2.0 / TC_SQRT_PI) * (tc_exp(-square) * sum);
}

/* erfc(a) for a >= 2 */
static inline double tc_erfc_far(double a)
{
    double f = a;
    for (int32_t n = 32; n >= 1; n--) {
        f = a + ((double)n / 2.0) / f;
    }
    return tc_exp(-(a * a)) / (TC_SQRT_PI * f);
}

/* 1 - erf(x) */
static inline double tc_erfc(double x)
{
    const double a = tc_abs(x);
    const double c = a < 2.0 ? 1.0 - tc_erf_near(a) : tc_erfc_far(a);
    return x < 0.0 ? 2.0 - c : c;
}

/* sin(x + quarters * pi / 2) for 0 <= x <= 2**20, NaN beyond */
static inline double tc_sin_quarter(double x, int32_t quarters)
{
    static const double odd[] = {1.0,
                                 -1.0 / 6.0,
                                 1.0 / 120.0,
                                 -1.0 / 5040.0,
                                 1.0 / 362880.0,
                                 -1.0 / 39916800.0,
                                 1.0 / 6227020800.0,
                                 -1.0 / 1307674368000.0,
                                 1.0 / 355687428096000.0};
    static const double even[] = {1.0,
                                  -1.0 / 2.0,
                                  1.0 / 24.0,
                                  -1.0 / 720.0,
                                  1.0 / 40320.0,
                                  -1.0 / 3628800.0,
                                  1.0 / 479001600.0,
                                  -1.0 / 87178291200.0,
                                  1.0 / 20922789888000.0};
    if (!(x <= 1048576.0)) {
        return (double)NAN;
    }
    const double k = tc_rint(x * 6.36619772367581382433e-01);
    const double r = ((x - k * 1.57079632673412561417) - k * 6.07710050630396597660e-11) -
                     k * 2.02226624879595063154e-21;
    const int32_t q = ((int32_t)k + quarters) & 3;
    const double t = r * r;
    const double v = (q & 1) != 0 ? tc_horner(even, 9, t) : r * tc_horner(odd, 9, t);
    return q >= 2 ? -v : v;
}

#endif
