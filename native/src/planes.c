/*
 * Take pixels apart into octet planes, and put them together again.
 *
 * The common strides have loops of their own over 16 or 32 octets: 2 (16 bits), 3 (RGB) and 4 (32 bits). They only
 * move octets, so that all ways give the same; the scalar loops finish what is left over, and do the other strides.
 */

#include "planes.h"

#include "bits.h"
#include "simd.h"

static void take_scalar(const uint8_t *pixels, size_t stride, size_t count, uint8_t *plane)
{
    for (size_t i = 0; i < count; i++)
        plane[i] = pixels[i * stride];
}

static void merge_scalar(const uint8_t *const *planes, size_t stride, size_t from, size_t count, uint8_t *pixels)
{
    for (size_t octet = 0; octet < stride; octet++) {
        const uint8_t *plane = planes[octet];
        for (size_t i = from; i < count; i++)
            pixels[i * stride + octet] = plane[i];
    }
}

#if SIMD_X86

#include <immintrin.h>

SIMD_AVX2 static size_t take_2(const uint8_t *pixels, size_t offset, size_t count, uint8_t *plane)
{
    const __m256i low = _mm256_set1_epi16(0xFF);
    const __m128i shift = _mm_cvtsi32_si128((int)offset * 8);
    size_t i = 0;

    for (; i + 32 <= count; i += 32) {
        const __m256i *from = (const __m256i *)(const void *)(pixels + 2 * i);
        const __m256i octets =
            _mm256_packus_epi16(_mm256_and_si256(_mm256_srl_epi16(_mm256_loadu_si256(from), shift), low),
                                _mm256_and_si256(_mm256_srl_epi16(_mm256_loadu_si256(from + 1), shift), low));
        _mm256_storeu_si256((__m256i *)(void *)(plane + i), _mm256_permute4x64_epi64(octets, 0xD8));
    }
    return i;
}

SIMD_AVX2 static size_t take_4(const uint8_t *pixels, size_t offset, size_t count, uint8_t *plane)
{
    const __m128i low = _mm_set1_epi32(0xFF);
    const __m128i shift = _mm_cvtsi32_si128((int)offset * 8);
    size_t i = 0;

    for (; i + 16 <= count; i += 16) {
        __m128i part[4];
        for (size_t k = 0; k < 4; k++)
            part[k] = _mm_and_si128(
                _mm_srl_epi32(_mm_loadu_si128((const __m128i *)(const void *)(pixels + 4 * i + 16 * k)), shift), low);
        _mm_storeu_si128((__m128i *)(void *)(plane + i),
                         _mm_packus_epi16(_mm_packs_epi32(part[0], part[1]), _mm_packs_epi32(part[2], part[3])));
    }
    return i;
}

/* Shuffles that take octet 0, 3, 6 ... of 48 into 16: -1 leaves a zero for the other two to fill. */
SIMD_AVX2 static size_t take_3(const uint8_t *pixels, size_t offset, size_t count, uint8_t *plane)
{
    int8_t where[3][16];
    __m128i shuffle[3];
    size_t i = 0;

    for (int k = 0; k < 3; k++) {
        for (int j = 0; j < 16; j++) {
            const int octet = 3 * j + (int)offset - 16 * k;
            where[k][j] = (int8_t)(octet >= 0 && octet < 16 ? octet : -1);
        }
        shuffle[k] = _mm_loadu_si128((const __m128i *)(const void *)where[k]);
    }
    for (; i + 16 <= count; i += 16) {
        const __m128i *from = (const __m128i *)(const void *)(pixels + 3 * i);
        const __m128i octets = _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(_mm_loadu_si128(from), shuffle[0]),
                                                         _mm_shuffle_epi8(_mm_loadu_si128(from + 1), shuffle[1])),
                                            _mm_shuffle_epi8(_mm_loadu_si128(from + 2), shuffle[2]));
        _mm_storeu_si128((__m128i *)(void *)(plane + i), octets);
    }
    return i;
}

SIMD_AVX2 static size_t merge_2(const uint8_t *const *planes, size_t count, uint8_t *pixels)
{
    const uint8_t *first = planes[0], *second = planes[1];
    size_t i = 0;

    for (; i + 32 <= count; i += 32) {
        const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(first + i));
        const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(second + i));
        const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
        __m256i *to = (__m256i *)(void *)(pixels + 2 * i);
        _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
    }
    return i;
}

SIMD_AVX2 static size_t merge_4(const uint8_t *const *planes, size_t count, uint8_t *pixels)
{
    size_t i = 0;

    for (; i + 16 <= count; i += 16) {
        __m128i part[4];
        for (size_t k = 0; k < 4; k++)
            part[k] = _mm_loadu_si128((const __m128i *)(const void *)(planes[k] + i));
        const __m128i low_01 = _mm_unpacklo_epi8(part[0], part[1]), low_23 = _mm_unpacklo_epi8(part[2], part[3]);
        const __m128i high_01 = _mm_unpackhi_epi8(part[0], part[1]), high_23 = _mm_unpackhi_epi8(part[2], part[3]);
        __m128i *to = (__m128i *)(void *)(pixels + 4 * i);
        _mm_storeu_si128(to, _mm_unpacklo_epi16(low_01, low_23));
        _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(low_01, low_23));
        _mm_storeu_si128(to + 2, _mm_unpacklo_epi16(high_01, high_23));
        _mm_storeu_si128(to + 3, _mm_unpackhi_epi16(high_01, high_23));
    }
    return i;
}

SIMD_AVX2 static size_t merge_3(const uint8_t *const *planes, size_t count, uint8_t *pixels)
{
    int8_t where[3][3][16];
    __m128i shuffle[3][3];
    size_t i = 0;

    for (int k = 0; k < 3; k++)
        for (int plane = 0; plane < 3; plane++) {
            for (int j = 0; j < 16; j++)
                where[k][plane][j] = (int8_t)((16 * k + j) % 3 == plane ? (16 * k + j) / 3 : -1);
            shuffle[k][plane] = _mm_loadu_si128((const __m128i *)(const void *)where[k][plane]);
        }
    for (; i + 16 <= count; i += 16) {
        __m128i part[3];
        for (size_t plane = 0; plane < 3; plane++)
            part[plane] = _mm_loadu_si128((const __m128i *)(const void *)(planes[plane] + i));
        for (size_t k = 0; k < 3; k++) {
            const __m128i octets = _mm_or_si128(
                _mm_or_si128(_mm_shuffle_epi8(part[0], shuffle[k][0]), _mm_shuffle_epi8(part[1], shuffle[k][1])),
                _mm_shuffle_epi8(part[2], shuffle[k][2]));
            _mm_storeu_si128((__m128i *)(void *)(pixels + 3 * i + 16 * k), octets);
        }
    }
    return i;
}

#elif SIMD_NEON

#include <arm_neon.h>

static size_t take_2(const uint8_t *pixels, size_t offset, size_t count, uint8_t *plane)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        vst1q_u8(plane + i, vld2q_u8(pixels + 2 * i).val[offset]);
    return i;
}

static size_t take_3(const uint8_t *pixels, size_t offset, size_t count, uint8_t *plane)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        vst1q_u8(plane + i, vld3q_u8(pixels + 3 * i).val[offset]);
    return i;
}

static size_t take_4(const uint8_t *pixels, size_t offset, size_t count, uint8_t *plane)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        vst1q_u8(plane + i, vld4q_u8(pixels + 4 * i).val[offset]);
    return i;
}

static size_t merge_2(const uint8_t *const *planes, size_t count, uint8_t *pixels)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const uint8x16x2_t parts = {{vld1q_u8(planes[0] + i), vld1q_u8(planes[1] + i)}};
        vst2q_u8(pixels + 2 * i, parts);
    }
    return i;
}

static size_t merge_3(const uint8_t *const *planes, size_t count, uint8_t *pixels)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const uint8x16x3_t parts = {{vld1q_u8(planes[0] + i), vld1q_u8(planes[1] + i), vld1q_u8(planes[2] + i)}};
        vst3q_u8(pixels + 3 * i, parts);
    }
    return i;
}

static size_t merge_4(const uint8_t *const *planes, size_t count, uint8_t *pixels)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const uint8x16x4_t parts = {{vld1q_u8(planes[0] + i), vld1q_u8(planes[1] + i), vld1q_u8(planes[2] + i),
                                     vld1q_u8(planes[3] + i)}};
        vst4q_u8(pixels + 4 * i, parts);
    }
    return i;
}

#endif

void edge_planes_take(const uint8_t *pixels, size_t stride, size_t offset, size_t count, uint8_t *plane)
{
    size_t done = 0;

    if (stride == 1) {
        memcpy(plane, pixels, count);
        return;
    }
#if SIMD_X86 || SIMD_NEON
    if (simd_has_avx2()) {
        if (stride == 2)
            done = take_2(pixels, offset, count, plane);
        else if (stride == 3)
            done = take_3(pixels, offset, count, plane);
        else if (stride == 4)
            done = take_4(pixels, offset, count, plane);
    }
#endif
    take_scalar(pixels + done * stride + offset, stride, count - done, plane + done);
}

void edge_planes_merge(const uint8_t *const *planes, size_t stride, size_t count, uint8_t *pixels)
{
    size_t done = 0;

    if (stride == 1) {
        memcpy(pixels, planes[0], count);
        return;
    }
#if SIMD_X86 || SIMD_NEON
    if (simd_has_avx2()) {
        if (stride == 2)
            done = merge_2(planes, count, pixels);
        else if (stride == 3)
            done = merge_3(planes, count, pixels);
        else if (stride == 4)
            done = merge_4(planes, count, pixels);
    }
#endif
    merge_scalar(planes, stride, done, count, pixels);
}
