/* The template of jpeg_ls_lines.h, once for each set of instructions, and the choice among them. */

#if defined(__GNUC__) && !defined(__clang__) && !defined(EDGE_COMPACT)
#pragma GCC optimize("O3") /* gcc leaves loops over samples as they stand at -O2; clang does not */
#endif

#include "jpeg_ls_model.h"
#include "simd.h"

#define JOINED(name, way) name##_##way

#if SIMD_X86

#include <cpuid.h>
#include <immintrin.h>

#define JLS(name) JOINED(name, avx2)
#define JLS_TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt")))
#define JLS_NAME "avx2"
#define JLS_AVX2
#include "jpeg_ls_lines.h"
#undef JLS
#undef JLS_TARGET
#undef JLS_NAME
#undef JLS_AVX2

#define JLS(name) JOINED(name, sse2)
#define JLS_TARGET
#define JLS_NAME "sse2"
#define JLS_SSE2
#include "jpeg_ls_lines.h"

static int has_lzcnt(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & 1u << 5) != 0;
}

const jls_way *jls_best_way(void)
{
    return simd_has_avx2() && has_lzcnt() ? &way_avx2 : &way_sse2;
}

#elif SIMD_NEON

#include <arm_neon.h>

#define JLS(name) JOINED(name, neon)
#define JLS_TARGET
#define JLS_NAME "neon"
#define JLS_NEON
#include "jpeg_ls_lines.h"

const jls_way *jls_best_way(void)
{
    return &way_neon;
}

#else

#define JLS(name) JOINED(name, scalar)
#define JLS_TARGET
#define JLS_NAME "scalar"
#include "jpeg_ls_lines.h"

const jls_way *jls_best_way(void)
{
    return &way_scalar;
}

#endif
