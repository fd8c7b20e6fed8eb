/*
 * Which vector instructions there are. Each vector loop has a scalar twin that gives the same; compiled with
 * EDGE_SCALAR defined, only the twins are left.
 *
 * x86-64: SSE2 always, AVX2 (with BMI) where the processor says so, asked at run time. AArch64: NEON always.
 */

#ifndef EDGE_SIMD_H
#define EDGE_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(EDGE_SCALAR)
#define SIMD_X86 1
#define SIMD_AVX2 __attribute__((target("avx2,bmi,bmi2")))
#else
#define SIMD_X86 0
#endif

#if defined(__aarch64__) && defined(__AARCH64EL__) && !defined(EDGE_SCALAR)
#define SIMD_NEON 1
#else
#define SIMD_NEON 0
#endif

/* Whether functions marked SIMD_AVX2 may be called; on AArch64 their NEON twins always may. */
static inline int simd_has_avx2(void)
{
#if SIMD_X86
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#else
    return SIMD_NEON;
#endif
}

#endif
