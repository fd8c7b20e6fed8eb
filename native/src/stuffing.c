/* Look for 0xFF in 8 or 32 octets at once: there are few, and what lies between them is copied as it is. */

#include "stuffing.h"

#include "bits.h"
#include "simd.h"

static uint8_t *stuff_scalar(const uint8_t *octets, size_t count, uint8_t *to)
{
    size_t i = 0;

    while (i < count) {
        if (count - i >= 8) {
            const uint64_t word = load_64(octets + i);
            if (!has_ff(word)) {
                store_64(to, word);
                to += 8;
                i += 8;
                continue;
            }
        }
        *to++ = octets[i];
        if (octets[i++] == 0xFF)
            *to++ = 0;
    }
    return to;
}

#if SIMD_X86

#include <immintrin.h>

SIMD_AVX2 static uint8_t *stuff_avx2(const uint8_t *octets, size_t count, uint8_t *to)
{
    const __m256i all_ones = _mm256_set1_epi8(-1);
    size_t i = 0;

    while (count - i >= 32) {
        const __m256i block = _mm256_loadu_si256((const __m256i *)(const void *)(octets + i));
        const uint32_t ones = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(block, all_ones));
        _mm256_storeu_si256((__m256i *)(void *)to, block);
        if (ones == 0) {
            to += 32;
            i += 32;
        } else {
            const unsigned before = (unsigned)__builtin_ctz(ones) + 1;
            to += before;
            i += before;
            *to++ = 0;
        }
    }
    _mm256_zeroupper();
    return stuff_scalar(octets + i, count - i, to);
}
#endif

size_t edge_stuff(const uint8_t *octets, size_t count, uint8_t *stuffed)
{
#if SIMD_X86
    if (simd_has_avx2())
        return (size_t)(stuff_avx2(octets, count, stuffed) - stuffed);
#endif
    return (size_t)(stuff_scalar(octets, count, stuffed) - stuffed);
}

static size_t unstuff_scalar(const uint8_t *stuffed, size_t count, size_t *used, uint8_t *octets, size_t have,
                             size_t room)
{
    size_t i = *used;

    while (i < count && have < room) {
        if (count - i >= 8 && room - have >= 8) {
            const uint64_t word = load_64(stuffed + i);
            if (!has_ff(word)) {
                store_64(octets + have, word);
                have += 8;
                i += 8;
                continue;
            }
        }
        if (stuffed[i] == 0xFF) {
            if (count - i < 2 || stuffed[i + 1] != 0)
                break;
            octets[have++] = 0xFF;
            i += 2;
        } else {
            octets[have++] = stuffed[i++];
        }
    }
    *used = i;
    return have;
}

#if SIMD_X86
SIMD_AVX2 static size_t unstuff_avx2(const uint8_t *stuffed, size_t count, size_t *used, uint8_t *octets, size_t room)
{
    const __m256i all_ones = _mm256_set1_epi8(-1);
    size_t i = 0, have = 0;

    while (count - i >= 33 && room - have >= 32) {
        const __m256i block = _mm256_loadu_si256((const __m256i *)(const void *)(stuffed + i));
        const uint32_t ones = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(block, all_ones));
        _mm256_storeu_si256((__m256i *)(void *)(octets + have), block);
        if (ones == 0) {
            have += 32;
            i += 32;
        } else {
            const unsigned before = (unsigned)__builtin_ctz(ones);
            have += before;
            i += before;
            if (stuffed[i + 1] != 0)
                break;
            have++;
            i += 2;
        }
    }
    _mm256_zeroupper();
    *used = i;
    return unstuff_scalar(stuffed, count, used, octets, have, room);
}
#endif

size_t edge_unstuff(const uint8_t *stuffed, size_t count, size_t *used, uint8_t *octets, size_t room)
{
#if SIMD_X86
    if (simd_has_avx2())
        return unstuff_avx2(stuffed, count, used, octets, room);
#endif
    *used = 0;
    return unstuff_scalar(stuffed, count, used, octets, 0, room);
}
