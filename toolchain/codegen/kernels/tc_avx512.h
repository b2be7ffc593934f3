/* Sums of products of 16-bit numbers in 512-bit vectors of x86 processors. */
#ifndef TC_AVX512_H
#define TC_AVX512_H

#if defined(__AVX512BW__) && defined(__AVX512VL__)
#define TC_AVX512 1

#include <immintrin.h>
#include <stdint.h>

/* sum[i] + a[2i] * b[2i] + a[2i + 1] * b[2i + 1] */
static inline __m512i tc_multiply_add(__m512i sum, __m512i a, __m512i b)
{
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sum, a, b);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

/* The lowest `count` of 32 lanes. */
static inline __mmask32 tc_lanes(int32_t count)
{
    return count >= 32 ? 0xFFFFFFFFU : (1U << count) - 1U;
}

/* Interleaving two rows goes by 128-bit lanes; this puts the 32 sums of pairs into order again. */
static inline void tc_store_sums(__m512i low, __m512i high, int32_t *sums)
{
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    _mm512_storeu_si512(sums, _mm512_permutex2var_epi64(low, first, high));
    _mm512_storeu_si512(sums + 16, _mm512_permutex2var_epi64(low, second, high));
}

#endif
#endif
