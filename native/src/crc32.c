/*
 * CRC-32 (IEEE 802.3, reflected) of any number of octets, by the fastest way the processor has.
 *
 * A CRC is the remainder of the message, taken as a polynomial over GF(2), divided by P. Two consequences carry this
 * file. It is linear: the remainder of an octet is the exclusive or of the remainders of its bits, so that 64 constants
 * hold everything that the tables below need. And a piece of the message may be replaced by anything congruent to it:
 * "folding" multiplies the 16 octets in hand by x^128 (or x^512, with four accumulators side by side) modulo P with two
 * carry-less multiplications, and adds them to the 16 octets that stand there. What is left at the end are 16 octets
 * with the same remainder as all that went before, and the tables finish those.
 */

#include "edge_codec.h"

#include <string.h>

/* The bits of one octet, seen k octets later: x^(8k + 8 + bit) modulo P. Entry n is the sum of the bits set in n. */
#define ENTRY(n, b0, b1, b2, b3, b4, b5, b6, b7)                                                              \
    (((n) & 0x01u ? b0 : 0u) ^ ((n) & 0x02u ? b1 : 0u) ^ ((n) & 0x04u ? b2 : 0u) ^ ((n) & 0x08u ? b3 : 0u) ^  \
     ((n) & 0x10u ? b4 : 0u) ^ ((n) & 0x20u ? b5 : 0u) ^ ((n) & 0x40u ? b6 : 0u) ^ ((n) & 0x80u ? b7 : 0u))
#define ENTRIES_4(n, ...)                                                                                     \
    ENTRY(n, __VA_ARGS__), ENTRY((n) + 1u, __VA_ARGS__), ENTRY((n) + 2u, __VA_ARGS__), ENTRY((n) + 3u, __VA_ARGS__)
#define ENTRIES_16(n, ...)                                                                                    \
    ENTRIES_4(n, __VA_ARGS__), ENTRIES_4((n) + 4u, __VA_ARGS__), ENTRIES_4((n) + 8u, __VA_ARGS__),            \
        ENTRIES_4((n) + 12u, __VA_ARGS__)
#define ENTRIES_64(n, ...)                                                                                    \
    ENTRIES_16(n, __VA_ARGS__), ENTRIES_16((n) + 16u, __VA_ARGS__), ENTRIES_16((n) + 32u, __VA_ARGS__),       \
        ENTRIES_16((n) + 48u, __VA_ARGS__)
#define TABLE(...)                                                                                            \
    {                                                                                                         \
        ENTRIES_64(0u, __VA_ARGS__), ENTRIES_64(64u, __VA_ARGS__), ENTRIES_64(128u, __VA_ARGS__),             \
            ENTRIES_64(192u, __VA_ARGS__)                                                                     \
    }

static const uint32_t after[8][256] = {
    TABLE(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u, 0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u),
    TABLE(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u, 0x4ac21251u, 0x958424a2u, 0xf0794f05u, 0x3b83984bu),
    TABLE(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u, 0x1c26a370u, 0x384d46e0u, 0x709a8dc0u, 0xe1351b80u),
    TABLE(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu, 0x5019579fu, 0xa032af3eu, 0x9b14583du, 0xed59b63bu),
    TABLE(0x3d6029b0u, 0x7ac05360u, 0xf580a6c0u, 0x30704bc1u, 0x60e09782u, 0xc1c12f04u, 0x58f35849u, 0xb1e6b092u),
    TABLE(0xcb5cd3a5u, 0x4dc8a10bu, 0x9b914216u, 0xec53826du, 0x03d6029bu, 0x07ac0536u, 0x0f580a6cu, 0x1eb014d8u),
    TABLE(0xa6770bb4u, 0x979f1129u, 0xf44f2413u, 0x33ef4e67u, 0x67de9cceu, 0xcfbd399cu, 0x440b7579u, 0x8816eaf2u),
    TABLE(0xccaa009eu, 0x4225077du, 0x844a0efau, 0xd3e51bb5u, 0x7cbb312bu, 0xf9766256u, 0x299dc2edu, 0x533b85dau),
};

static uint32_t little_u32(const uint8_t *octets)
{
    return (uint32_t)octets[0] | (uint32_t)octets[1] << 8 | (uint32_t)octets[2] << 16 | (uint32_t)octets[3] << 24;
}

/* `state` is the bare remainder register here and below: the inversions before and after are the callers'. */
static uint32_t sliced(uint32_t state, const uint8_t *octets, size_t length)
{
    for (; length >= 8; octets += 8, length -= 8) {
        const uint32_t low = state ^ little_u32(octets);
        const uint32_t high = little_u32(octets + 4);
        state = after[7][low & 0xFFu] ^ after[6][low >> 8 & 0xFFu] ^ after[5][low >> 16 & 0xFFu] ^ after[4][low >> 24] ^
                after[3][high & 0xFFu] ^ after[2][high >> 8 & 0xFFu] ^
                after[1][high >> 16 & 0xFFu] ^ after[0][high >> 24];
    }
    for (; length > 0; octets++, length--)
        state = state >> 8 ^ after[0][(state ^ *octets) & 0xFFu];
    return state;
}

uint32_t edge_crc32_scalar(uint32_t crc, const uint8_t *octets, size_t length)
{
    return ~sliced(~crc, octets, length);
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <emmintrin.h>
#include <wmmintrin.h>

static const char fast_name[] = "pclmulqdq";

static int fast_is_there(void)
{
    return __builtin_cpu_supports("pclmul");
}

static __m128i load(const uint8_t *octets)
{
    __m128i block;
    memcpy(&block, octets, sizeof block);
    return block;
}

/* Move `block` as many bits ahead as `powers` says, and add the 16 octets that stand there. */
__attribute__((target("pclmul"))) static __m128i folded(__m128i block, __m128i powers, __m128i there)
{
    const __m128i low = _mm_clmulepi64_si128(block, powers, 0x00);
    const __m128i high = _mm_clmulepi64_si128(block, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

__attribute__((target("pclmul"))) static uint32_t fast(uint32_t state, const uint8_t *octets, size_t length)
{
    /* x^(n + 32) for a block's low half and x^(n - 32) for its high one, modulo P, for n = 512 and n = 128 bits. */
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    uint8_t rest[16];

    if (length < 64)
        return sliced(state, octets, length);

    __m128i a = _mm_xor_si128(load(octets), _mm_cvtsi32_si128((int)state));
    __m128i b = load(octets + 16);
    __m128i c = load(octets + 32);
    __m128i d = load(octets + 48);
    for (octets += 64, length -= 64; length >= 64; octets += 64, length -= 64) {
        a = folded(a, by_512, load(octets));
        b = folded(b, by_512, load(octets + 16));
        c = folded(c, by_512, load(octets + 32));
        d = folded(d, by_512, load(octets + 48));
    }
    a = folded(folded(folded(a, by_128, b), by_128, c), by_128, d);
    for (; length >= 16; octets += 16, length -= 16)
        a = folded(a, by_128, load(octets));

    memcpy(rest, &a, sizeof rest);
    return sliced(sliced(0, rest, sizeof rest), octets, length);
}

#elif defined(__aarch64__) && defined(__AARCH64EL__) && defined(__linux__) && defined(__GNUC__)

#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

static const char fast_name[] = "crc32-instructions";

static int fast_is_there(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

__attribute__((target("+crc"))) static uint32_t fast(uint32_t state, const uint8_t *octets, size_t length)
{
    uint64_t word;

    for (; length >= sizeof word; octets += sizeof word, length -= sizeof word) {
        memcpy(&word, octets, sizeof word);
        state = __crc32d(state, word);
    }
    for (; length > 0; octets++, length--)
        state = __crc32b(state, *octets);
    return state;
}

#else

static const char fast_name[] = "slicing-by-8";

static int fast_is_there(void)
{
    return 0;
}

static uint32_t fast(uint32_t state, const uint8_t *octets, size_t length)
{
    return sliced(state, octets, length);
}

#endif

uint32_t edge_crc32(uint32_t crc, const uint8_t *octets, size_t length)
{
    return fast_is_there() ? ~fast(~crc, octets, length) : edge_crc32_scalar(crc, octets, length);
}

const char *edge_crc32_way(void)
{
    return fast_is_there() ? fast_name : "slicing-by-8";
}
