/*
 * The inner loops of lossless JPEG coding.
 *
 * Predictions and sizes are plain arithmetic on vectors. Categories are counted without looking at a single one: for
 * each power of two, how many sizes reach it.
 *
 * Writing codes is a chain in which each code must wait for the one before. With AVX2 the chain is cut to a quarter:
 * 16 differences at a time find their categories (the exponent of the size as a floating-point number), codes and
 * lengths (tables of 16 octets, looked up by a shuffle), a multiplication sets each code before its bits, two rounds of
 * shifts join neighbours, and only then do four pieces of up to 56 bits go into the stream. Stuffing comes afterwards.
 */

#include "differences.h"

#include "bits.h"
#include "simd.h"

/* Of 16-bit values, in 16 bits: (a - b) >> 1 as if it had 17, and (a + b) >> 1. */
#define HALF_DIFFERENCE(a, b, one) ((a >> 1) - (b >> 1) - (~a & b & (one)))
#define HALF_SUM(a, b) ((a & b) + ((a ^ b) >> 1))

#define COUNT_ONE(k) sums[k] += size > thresholds[k]

#if SIMD_X86
#define VECTOR_OCTETS 32
#define WAY(name) name##_avx2
#define MARK SIMD_AVX2
#include "differences_vectors.h"
#undef VECTOR_OCTETS
#undef WAY
#undef MARK
#endif

#if SIMD_X86 || SIMD_NEON
#define VECTOR_OCTETS 16
#define WAY(name) name##_plain
#define MARK
#include "differences_vectors.h"
#endif

/* The way of this processor, with the value it returns; 0 samples where there is none. */
#if SIMD_X86
#define BY_VECTORS(name, ...) (simd_has_avx2() ? name##_avx2(__VA_ARGS__) : name##_plain(__VA_ARGS__))
#define LANES_NOW (simd_has_avx2() ? 16u : 8u)
#elif SIMD_NEON
#define BY_VECTORS(name, ...) name##_plain(__VA_ARGS__)
#define LANES_NOW 8u
#else
#define BY_VECTORS(name, ...) 0
#define LANES_NOW 8u
#endif

static uint16_t sample_at(const uint8_t *samples, size_t octets, size_t i)
{
    return octets == 1 ? samples[i] : load_16(samples + 2 * i);
}

void edge_samples_take(const sample_form *form, const uint8_t *samples, size_t count, uint16_t *taken)
{
    for (size_t i = BY_VECTORS(samples_take, form, samples, count, taken); i < count; i++) {
        const unsigned kept = sample_at(samples, form->octets, i) & form->keep;
        taken[i] = (uint16_t)((((kept ^ form->sign) - form->sign) & form->mask) >> form->shift);
    }
}

uint16_t edge_samples_excess(const uint8_t *samples, size_t octets, size_t count, uint16_t half, uint16_t above)
{
    uint16_t excess = 0;

    for (size_t i = BY_VECTORS(samples_excess, samples, octets, count, half, above, &excess); i < count; i++)
        excess = (uint16_t)(excess | (((unsigned)sample_at(samples, octets, i) + half) & above));
    return excess;
}

static uint16_t predicted(unsigned predictor, uint16_t left, uint16_t above, uint16_t above_left)
{
    const int a = left, b = above, c = above_left;

    switch (predictor) {
    case 1:
        return left;
    case 2:
        return above;
    case 3:
        return above_left;
    case 4:
        return (uint16_t)(a + b - c);
    case 5:
        return (uint16_t)(a + ((b - c) >> 1));
    case 6:
        return (uint16_t)(b + ((a - c) >> 1));
    default:
        return (uint16_t)((a + b) >> 1);
    }
}

void edge_differences(unsigned predictor, const uint8_t *row, const uint8_t *above, size_t step, size_t count,
                      uint16_t *differences)
{
    size_t i = BY_VECTORS(differences, predictor, row, above, step, count, differences);

    for (; i < count; i++) {
        const uint8_t *here = row + 2 * i, *up = above + 2 * i;
        const uint16_t left = load_16(here - step);
        const uint16_t prediction =
            predictor == 1 ? left : predicted(predictor, left, load_16(up), load_16(up - step));
        differences[i] = (uint16_t)(load_16(here) - prediction);
    }
}

/* ---------------------------------------------------------------------------------------------------- counting */

static unsigned category_of(uint16_t difference)
{
    const unsigned size = difference & 0x8000u ? 0x10000u - difference : difference;
    return size == 0 ? 0 : 32u - (unsigned)__builtin_clz(size);
}

void edge_categories_sum(size_t components, category_counts *counts)
{
    const unsigned lanes = LANES_NOW;

    for (unsigned phase = 0; phase < components; phase++)
        for (unsigned lane = 0; lane < lanes; lane++) {
            uint64_t *sums = counts->sums[(phase * lanes + lane) % components];
            uint32_t reach = counts->vectors; /* how many reach category k */
            for (unsigned k = 0; k < 16; k++) {
                sums[k] += reach - counts->lanes[phase][k][lane];
                reach = counts->lanes[phase][k][lane];
            }
            sums[16] += reach;
        }
    counts->vectors = 0;
    memset(counts->lanes, 0, sizeof counts->lanes);
}

void edge_categories_count(uint16_t *differences, size_t count, size_t components, category_counts *counts)
{
    size_t i = BY_VECTORS(categories_count, differences, count, components, counts);

    for (size_t component = 0; i < count; i++) {
        counts->sums[component][category_of(differences[i])]++;
        component = component + 1 == components ? 0 : component + 1;
    }
    if (counts->vectors > UINT16_MAX - DIFFERENCES_MOST)
        edge_categories_sum(components, counts);
}

/* ----------------------------------------------------------------------------------------------------- writing */

/* Put 1 to 56 bits behind the end. */
#define APPEND(value, length)                                                                                 \
    do {                                                                                                      \
        const unsigned total_ = fill + (unsigned)(length);                                                    \
        bits |= (value) << (64u - total_);                                                                    \
        store_64_big(to, bits);                                                                               \
        to += total_ >> 3;                                                                                    \
        bits <<= total_ & 56u;                                                                                \
        fill = total_ & 7u;                                                                                   \
    } while (0)

static uint8_t *write_scalar(const uint16_t *differences, size_t count, const huffman_code *codes, size_t components,
                             bit_end *end, uint8_t *to)
{
    uint64_t bits = end->bits;
    unsigned fill = end->fill;
    size_t component = 0;

    for (size_t i = 0; i < count; i++) {
        const huffman_code *code = &codes[component];
        const unsigned category = category_of(differences[i]);
        const unsigned behind = category & 15u; /* 16 has no bits of its own */
        const unsigned low = (differences[i] - (differences[i] >> 15)) & ((1u << behind) - 1u);
        const uint64_t value = (uint64_t)code->codes[category] << behind | low;
        APPEND(value, code->lengths[category] + behind);
        component = component + 1 == components ? 0 : component + 1;
    }
    end->bits = bits;
    end->fill = fill;
    return to;
}

#if SIMD_X86

#include <immintrin.h>

/* A table of 16 octets for shuffles to look things up in, in both halves of a vector. */
SIMD_AVX2 static inline __m256i table_of(const uint8_t *octets)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)octets));
}

/* Octets of the low halves of `index` (whose high halves are zero) looked up, and zero beside them. */
#define LOOK_UP_LOW(table, index) _mm256_and_si256(_mm256_shuffle_epi8(table, index), low_octets)
#define LOOK_UP_HIGH(table, index) _mm256_slli_epi16(_mm256_shuffle_epi8(table, index), 8)

SIMD_AVX2 static uint8_t *write_avx2(const uint16_t *differences, size_t count, const huffman_code *code, bit_end *end,
                                     uint8_t *to)
{
    uint64_t bits = end->bits;
    unsigned fill = end->fill;
    uint8_t octets[5][16];
    size_t i = 0;

    for (unsigned k = 0; k < 16; k++) {
        octets[0][k] = (uint8_t)code->codes[k];
        octets[1][k] = (uint8_t)(code->codes[k] >> 8);
        octets[2][k] = (uint8_t)(1u << k);
        octets[3][k] = (uint8_t)(1u << k >> 8);
        octets[4][k] = (uint8_t)(code->lengths[k] + k);
    }
    const __m256i code_low = table_of(octets[0]), code_high = table_of(octets[1]);
    const __m256i power_low = table_of(octets[2]), power_high = table_of(octets[3]);
    const __m256i lengths = table_of(octets[4]);
    const __m256i zero = _mm256_setzero_si256(), low_octets = _mm256_set1_epi16(0xFF);
    const __m256i minus_one = _mm256_set1_epi16(-1), bias = _mm256_set1_epi16(126), most = _mm256_set1_epi64x(56);

    for (; i + 16 <= count; i += 16) {
        const __m256i d = _mm256_loadu_si256((const __m256i *)(const void *)(differences + i));
        const __m256i negative = _mm256_srai_epi16(d, 15);
        const __m256i size = _mm256_abs_epi16(d);
        if (__builtin_expect(_mm256_movemask_epi8(_mm256_and_si256(size, _mm256_srai_epi16(size, 15))), 0))
            goto one_by_one; /* -32768 */

        /* The exponent of a size is its category, biased; that of 0 is so small that it saturates to 0. */
        const __m256i exponents = _mm256_packus_epi32(
            _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_unpacklo_epi16(size, zero))), 23),
            _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_unpackhi_epi16(size, zero))), 23));
        const __m256i category = _mm256_subs_epu16(exponents, bias);

        const __m256i codes = _mm256_or_si256(LOOK_UP_LOW(code_low, category), LOOK_UP_HIGH(code_high, category));
        const __m256i power = _mm256_or_si256(LOOK_UP_LOW(power_low, category), LOOK_UP_HIGH(power_high, category));
        const __m256i length = LOOK_UP_LOW(lengths, category);
        const __m256i behind = _mm256_and_si256(_mm256_add_epi16(d, negative), _mm256_add_epi16(power, minus_one));
        const __m256i value_low = _mm256_or_si256(_mm256_mullo_epi16(codes, power), behind);
        const __m256i value_high = _mm256_mulhi_epu16(codes, power);

        /* 32 bits each: 0 1 2 3 8 9 10 11 and 4 5 6 7 12 13 14 15. */
        const __m256i value_a = _mm256_unpacklo_epi16(value_low, value_high);
        const __m256i value_b = _mm256_unpackhi_epi16(value_low, value_high);
        const __m256i length_a = _mm256_unpacklo_epi16(length, zero);
        const __m256i length_b = _mm256_unpackhi_epi16(length, zero);

        /* Pairs, 64 bits each: 01 23 89 1011 and 45 67 1213 1415. */
        const __m256i second_a = _mm256_srli_epi64(length_a, 32), second_b = _mm256_srli_epi64(length_b, 32);
        const __m256i pair_a = _mm256_or_si256(_mm256_sllv_epi64(_mm256_blend_epi32(value_a, zero, 0xAA), second_a),
                                               _mm256_srli_epi64(value_a, 32));
        const __m256i pair_b = _mm256_or_si256(_mm256_sllv_epi64(_mm256_blend_epi32(value_b, zero, 0xAA), second_b),
                                               _mm256_srli_epi64(value_b, 32));
        const __m256i both_a = _mm256_blend_epi32(_mm256_add_epi32(length_a, second_a), zero, 0xAA);
        const __m256i both_b = _mm256_blend_epi32(_mm256_add_epi32(length_b, second_b), zero, 0xAA);

        /* Fours: 0-3, 4-7, 8-11, 12-15. */
        const __m256i behind_four = _mm256_unpackhi_epi64(both_a, both_b);
        const __m256i length_four = _mm256_add_epi64(_mm256_unpacklo_epi64(both_a, both_b), behind_four);
        if (__builtin_expect(_mm256_movemask_epi8(_mm256_cmpgt_epi32(length_four, most)), 0))
            goto one_by_one;
        const __m256i value_four =
            _mm256_or_si256(_mm256_sllv_epi64(_mm256_unpacklo_epi64(pair_a, pair_b), behind_four),
                            _mm256_unpackhi_epi64(pair_a, pair_b));
        uint64_t values[4], widths[4];
        _mm256_storeu_si256((__m256i *)(void *)values, value_four);
        _mm256_storeu_si256((__m256i *)(void *)widths, length_four);
        APPEND(values[0], widths[0]);
        APPEND(values[1], widths[1]);
        APPEND(values[2], widths[2]);
        APPEND(values[3], widths[3]);
        continue;

    one_by_one:
        end->bits = bits;
        end->fill = fill;
        to = write_scalar(differences + i, 16, code, 1, end, to);
        bits = end->bits;
        fill = end->fill;
    }
    end->bits = bits;
    end->fill = fill;
    _mm256_zeroupper();
    return write_scalar(differences + i, count - i, code, 1, end, to);
}

#endif

size_t edge_differences_write(const uint16_t *differences, size_t count, const huffman_code *codes, size_t components,
                              bit_end *end, uint8_t *octets)
{
#if SIMD_X86
    if (components == 1 && simd_has_avx2())
        return (size_t)(write_avx2(differences, count, codes, end, octets) - octets);
#endif
    return (size_t)(write_scalar(differences, count, codes, components, end, octets) - octets);
}
