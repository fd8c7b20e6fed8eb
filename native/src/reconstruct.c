/*
 * Predictor 1 is a running sum. With vectors it is made of sums over 2, 4, 8 and 16 neighbours (or every third, for
 * three components), and only the sum of a whole vector is carried to the next. Predictors 2 and 3 only add the row
 * above. The others need each sample for the next and are loops of single samples.
 */

#include "reconstruct.h"

#include "bits.h"
#include "simd.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void put_sample(uint16_t value, const sample_output *output, uint8_t *samples, size_t i)
{
    const unsigned kept = (unsigned)value << output->shift & output->keep;
    const uint16_t sample = (uint16_t)((kept ^ output->sign) - output->sign);

    if (output->octets == 1)
        samples[i] = (uint8_t)sample;
    else
        store_16(samples + 2 * i, sample);
}

INLINE void left_scalar(const uint16_t *differences, size_t count, size_t components, row_context *row, uint16_t *above,
                        const sample_output *output, uint8_t *samples)
{
    for (size_t i = 0; i < count; i += components)
        for (size_t k = 0; k < components; k++) {
            row->left[k] = (uint16_t)((row->left[k] + differences[i + k]) & row->mask);
            put_sample(row->left[k], output, samples, i + k);
            if (above)
                above[i + k] = row->left[k];
        }
}

/* --------------------------------------------------------------------------------------- running sums by vectors */

#if SIMD_X86

#include <immintrin.h>

typedef __m128i vector;
#define MARK SIMD_AVX2
#define LOAD(from) _mm_loadu_si128((const __m128i *)(const void *)(from))
#define STORE(to, v) _mm_storeu_si128((__m128i *)(void *)(to), v)
#define ALL_16(x) _mm_set1_epi16((short)(x))
#define ALL_8(x) _mm_set1_epi8((char)(x))
#define ADD_16 _mm_add_epi16
#define SUB_16 _mm_sub_epi16
#define ADD_8 _mm_add_epi8
#define SUB_8 _mm_sub_epi8
#define AND _mm_and_si128
#define XOR _mm_xor_si128
#define SHIFT_16(v, by) _mm_sll_epi16(v, _mm_cvtsi32_si128(by))
#define NARROW(low, high) _mm_packus_epi16(AND(low, ALL_16(0xFF)), AND(high, ALL_16(0xFF)))
#define NARROW_HALF(to, v) _mm_storel_epi64((__m128i *)(void *)(to), NARROW(v, v))
#define UP_OCTETS(v, octets) _mm_slli_si128(v, octets)
#define LOOK_UP(v, where) _mm_shuffle_epi8(v, LOAD(where))
#define LEAVE _mm256_zeroupper()

#elif SIMD_NEON

#include <arm_neon.h>

typedef uint8x16_t vector;
#define MARK
#define LOAD(from) vld1q_u8((const uint8_t *)(const void *)(from))
#define STORE(to, v) vst1q_u8((uint8_t *)(void *)(to), v)
#define OF_16 vreinterpretq_u8_u16
#define AS_16 vreinterpretq_u16_u8
#define ALL_16(x) OF_16(vdupq_n_u16((uint16_t)(x)))
#define ALL_8(x) vdupq_n_u8((uint8_t)(x))
#define ADD_16(a, b) OF_16(vaddq_u16(AS_16(a), AS_16(b)))
#define SUB_16(a, b) OF_16(vsubq_u16(AS_16(a), AS_16(b)))
#define ADD_8 vaddq_u8
#define SUB_8 vsubq_u8
#define AND vandq_u8
#define XOR veorq_u8
#define SHIFT_16(v, by) OF_16(vshlq_u16(AS_16(v), vdupq_n_s16((int16_t)(by))))
#define NARROW(low, high) vcombine_u8(vmovn_u16(AS_16(low)), vmovn_u16(AS_16(high)))
#define NARROW_HALF(to, v) vst1_u8(to, vmovn_u16(AS_16(v)))
#define UP_OCTETS(v, octets) vextq_u8(vdupq_n_u8(0), v, 16 - (octets))
#define LOOK_UP(v, where) vqtbl1q_u8(v, vld1q_u8(where))
#define LEAVE (void)0

#endif

#if SIMD_X86 || SIMD_NEON

/* Samples of 16 bits, or 8 that are shifted or signed: eight at a time, of one component. Returns how many. */
MARK static size_t left_1_by_8(const uint16_t *differences, size_t count, row_context *row, uint16_t *above,
                               const sample_output *output, uint8_t *samples)
{
    static const uint8_t last[16] = {14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15};
    const vector keep = ALL_16(output->keep), sign = ALL_16(output->sign), mask = ALL_16(row->mask);
    vector carry = ALL_16(row->left[0]);
    size_t i = 0;

    for (; i + 8 <= count; i += 8) {
        vector v = LOAD(differences + i);
        v = ADD_16(v, UP_OCTETS(v, 2));
        v = ADD_16(v, UP_OCTETS(v, 4));
        v = ADD_16(v, UP_OCTETS(v, 8));
        const vector sums = ADD_16(v, carry);
        carry = ADD_16(carry, LOOK_UP(v, last));
        if (above)
            STORE(above + i, AND(sums, mask));
        const vector out = SUB_16(XOR(AND(SHIFT_16(sums, output->shift), keep), sign), sign);
        if (output->octets == 1)
            NARROW_HALF(samples + i, out);
        else
            STORE(samples + 2 * i, out);
    }
    if (i > 0) {
        uint16_t left[8];
        STORE(left, AND(carry, mask));
        row->left[0] = left[0];
    }
    LEAVE;
    return i;
}

/* Samples of 8 bits that need no shift, of one component or three: 16 or 15 at a time. Returns how many. */
MARK static size_t left_by_16(const uint16_t *differences, size_t count, size_t components, row_context *row,
                              const sample_output *output, uint8_t *samples)
{
    static const uint8_t last[2][16] = {{15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15},
                                        {12, 13, 14, 12, 13, 14, 12, 13, 14, 12, 13, 14, 12, 13, 14, 12}};
    const vector keep = ALL_8(output->keep), sign = ALL_8(output->sign);
    uint8_t left[16];
    size_t i = 0;

    for (size_t k = 0; k < 16; k++)
        left[k] = (uint8_t)row->left[k % components];
    vector carry = LOAD(left);
    if (components == 1) {
        for (; i + 16 <= count; i += 16) {
            vector v = NARROW(LOAD(differences + i), LOAD(differences + i + 8));
            v = ADD_8(v, UP_OCTETS(v, 1));
            v = ADD_8(v, UP_OCTETS(v, 2));
            v = ADD_8(v, UP_OCTETS(v, 4));
            v = ADD_8(v, UP_OCTETS(v, 8));
            STORE(samples + i, SUB_8(XOR(AND(ADD_8(v, carry), keep), sign), sign));
            carry = ADD_8(carry, LOOK_UP(v, last[0]));
        }
    } else {
        for (; i + 16 <= count; i += 15) {
            vector v = NARROW(LOAD(differences + i), LOAD(differences + i + 8));
            v = ADD_8(v, UP_OCTETS(v, 3));
            v = ADD_8(v, UP_OCTETS(v, 6));
            v = ADD_8(v, UP_OCTETS(v, 12));
            STORE(samples + i, SUB_8(XOR(AND(ADD_8(v, carry), keep), sign), sign));
            carry = ADD_8(carry, LOOK_UP(v, last[1]));
        }
    }
    STORE(left, carry);
    for (size_t k = 0; k < components; k++)
        row->left[k] = left[k];
    LEAVE;
    return i;
}

static size_t left_by_vectors(const uint16_t *differences, size_t count, size_t components, row_context *row,
                              uint16_t *above, const sample_output *output, uint8_t *samples)
{
    /* Sums of octets are enough where no bit above the eighth matters, neither here nor in the row below. */
    if (output->octets == 1 && output->shift == 0 && row->mask <= 0xFF && above == NULL &&
        (components == 1 || components == 3))
        return left_by_16(differences, count, components, row, output, samples);
    if (components == 1)
        return left_1_by_8(differences, count, row, above, output, samples);
    return 0;
}

#endif

void edge_reconstruct_left(const uint16_t *differences, size_t count, size_t components, row_context *row,
                           uint16_t *above, const sample_output *output, uint8_t *samples)
{
    size_t done = 0;

#if SIMD_X86 || SIMD_NEON
    if (simd_has_avx2())
        done = left_by_vectors(differences, count, components, row, above, output, samples);
#endif
    differences += done;
    count -= done;
    if (above)
        above += done;
    samples += done * output->octets;
    if (components == 1)
        left_scalar(differences, count, 1, row, above, output, samples);
    else if (components == 3)
        left_scalar(differences, count, 3, row, above, output, samples);
    else
        left_scalar(differences, count, components, row, above, output, samples);
}

/* ----------------------------------------------------------------------------------------------- other predictors */

INLINE unsigned predicted(unsigned predictor, int a, int b, int c)
{
    switch (predictor) {
    case 2:
        return (unsigned)b;
    case 3:
        return (unsigned)c;
    case 4:
        return (unsigned)(a + b - c);
    case 5:
        return (unsigned)(a + ((b - c) >> 1));
    case 6:
        return (unsigned)(b + ((a - c) >> 1));
    default:
        return (unsigned)((a + b) >> 1);
    }
}

INLINE void by_samples(unsigned predictor, const uint16_t *differences, size_t count, size_t components,
                       row_context *row, uint16_t *above, const sample_output *output, uint8_t *samples)
{
    const unsigned mask = row->mask;
    uint16_t left[4], above_left[4];

    memcpy(left, row->left, sizeof left);
    memcpy(above_left, row->above_left, sizeof above_left);
    for (size_t i = 0; i < count; i += components)
        for (size_t k = 0; k < components; k++) {
            const unsigned prediction = predicted(predictor, left[k], above[i + k], above_left[k]);
            left[k] = (uint16_t)((prediction + differences[i + k]) & mask);
            above_left[k] = above[i + k];
            above[i + k] = left[k];
            put_sample(left[k], output, samples, i + k);
        }
    memcpy(row->left, left, sizeof left);
    memcpy(row->above_left, above_left, sizeof above_left);
}

/* A loop of its own for each predictor, and for one and three components. */
#define BY_PREDICTOR(components)                                                                              \
    switch (predictor) {                                                                                      \
    case 2:                                                                                                   \
        by_samples(2, differences, count, components, row, above, output, samples);                           \
        return;                                                                                               \
    case 3:                                                                                                   \
        by_samples(3, differences, count, components, row, above, output, samples);                           \
        return;                                                                                               \
    case 4:                                                                                                   \
        by_samples(4, differences, count, components, row, above, output, samples);                           \
        return;                                                                                               \
    case 5:                                                                                                   \
        by_samples(5, differences, count, components, row, above, output, samples);                           \
        return;                                                                                               \
    case 6:                                                                                                   \
        by_samples(6, differences, count, components, row, above, output, samples);                           \
        return;                                                                                               \
    default:                                                                                                  \
        by_samples(7, differences, count, components, row, above, output, samples);                           \
        return;                                                                                               \
    }

void edge_reconstruct(unsigned predictor, const uint16_t *differences, size_t count, size_t components,
                      row_context *row, uint16_t *above, const sample_output *output, uint8_t *samples)
{
    if (components == 1) {
        BY_PREDICTOR(1)
    } else if (components == 3) {
        BY_PREDICTOR(3)
    } else {
        by_samples(predictor, differences, count, components, row, above, output, samples);
    }
}
