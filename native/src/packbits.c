/*
 * Pack and unpack PackBits.
 *
 * Packing looks for runs in a bit map: bit i says that octet i equals the one behind it. Vector instructions make that
 * map 16 or 32 octets a step, and the runs are then found by counting zeros, not by looking at octets. A run within
 * literals is worth its own packet from 4 octets on: one of 3 takes 2 octets and lets another literal begin, which
 * saves nothing.
 *
 * Unpacking takes no branch on the kind of packet, which nobody can predict: it reads what stands behind the header,
 * spreads the first octet of it, and keeps one or the other.
 */

#include "packbits.h"

#include "bits.h"
#include "simd.h"

enum { WORDS = PACKBITS_BLOCK / 64 };

#define INLINE static inline __attribute__((always_inline))

/* ----------------------------------------------------------------------------------------------------- packing */

/* A literal packet, or several; `count` may be 0. */
INLINE uint8_t *literals(const uint8_t *octets, size_t count, size_t readable, uint8_t *packets)
{
    while (count > PACKBITS_LONGEST) {
        *packets++ = PACKBITS_LONGEST - 1;
        memcpy(packets, octets, PACKBITS_LONGEST);
        packets += PACKBITS_LONGEST;
        octets += PACKBITS_LONGEST;
        readable -= PACKBITS_LONGEST;
        count -= PACKBITS_LONGEST;
    }
    *packets = (uint8_t)(count - 1);
    if (readable >= PACKBITS_LONGEST) /* too much, but without a branch on how much */
        memcpy(packets + 1, octets, PACKBITS_LONGEST);
    else
        memcpy(packets + 1, octets, count);
    return packets + count + (count > 0);
}

/* Replicate packets; what is left over of a long run may be one octet, whose header is that of a literal of one. */
INLINE uint8_t *repeats(uint8_t octet, size_t count, uint8_t *packets)
{
    while (count > PACKBITS_LONGEST) {
        *packets++ = 257 - PACKBITS_LONGEST;
        *packets++ = octet;
        count -= PACKBITS_LONGEST;
    }
    *packets++ = (uint8_t)(257 - count);
    *packets++ = octet;
    return packets;
}

/* Literals, unless they are a run of 2 or 3 between other runs. */
INLINE uint8_t *between(const uint8_t *octets, const uint64_t *same, size_t from, size_t to, size_t count,
                        uint8_t *packets)
{
    const size_t length = to - from;
    const uint64_t map = load_64((const uint8_t *)same + from / 8) >> from % 8;

    if (__builtin_expect(((length == 2) & (map & 1)) | ((length == 3) & ((map & 3) == 3)), 0))
        return repeats(octets[from], length, packets);
    return literals(octets + from, length, count - from, packets);
}

/* Where runs of 4 or more are, as the bits of word `word`: all but the last 3 octets of each. */
INLINE uint64_t long_runs(const uint64_t *same, size_t word)
{
    const uint64_t here = same[word], next = same[word + 1];
    return here & (here >> 1 | next << 63) & (here >> 2 | next << 62);
}

/* `same` has a word of zeros behind the last one that is needed. */
INLINE size_t pack_by_map(const uint8_t *octets, size_t count, const uint64_t *same, uint8_t *packets)
{
    const size_t words = (count + 63) / 64;
    uint8_t *const begin = packets;
    size_t at = 0;

    while (at < count) {
        size_t word = at / 64;
        uint64_t runs = long_runs(same, word) & ~UINT64_C(0) << at % 64;
        while (runs == 0 && ++word < words)
            runs = long_runs(same, word);
        if (runs == 0)
            break;
        const size_t start = 64 * word + (size_t)__builtin_ctzll(runs);
        packets = between(octets, same, at, start, count, packets);

        word = start / 64;
        uint64_t different = ~same[word] & ~UINT64_C(0) << start % 64;
        while (different == 0)
            different = ~same[++word];
        at = 64 * word + (size_t)__builtin_ctzll(different) + 1;
        packets = repeats(octets[start], at - start, packets);
    }
    if (at < count)
        packets = between(octets, same, at, count, count, packets);
    return (size_t)(packets - begin);
}

/* Eight comparisons a step: an octet of the difference is 0 where two neighbours are equal. */
static uint64_t same_64_scalar(const uint8_t *octets)
{
    const uint64_t sevens = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t map = 0;

    for (unsigned i = 0; i < 64; i += 8) {
        const uint64_t difference = load_64(octets + i) ^ load_64(octets + i + 1);
        const uint64_t zeros = ~(((difference & sevens) + sevens) | difference | sevens);
        map |= ((zeros >> 7) * UINT64_C(0x0102040810204080) >> 56) << i;
    }
    return map;
}

/* The map of `count` octets: `SAME_64` compares 64 octets with their 64 right neighbours. */
#define MAP(octets, count, same, SAME_64)                                                                     \
    do {                                                                                                      \
        size_t word_ = 0;                                                                                     \
        for (; 64 * word_ + 65 <= (count); word_++)                                                           \
            (same)[word_] = SAME_64((octets) + 64 * word_);                                                   \
        if (64 * word_ < (count)) {                                                                           \
            uint8_t last_[80] = {0};                                                                          \
            const size_t rest_ = (count) - 64 * word_;                                                        \
            memcpy(last_, (octets) + 64 * word_, rest_);                                                      \
            (same)[word_++] = SAME_64(last_) & ((UINT64_C(1) << (rest_ - 1)) - 1);                            \
        }                                                                                                     \
        (same)[word_] = 0;                                                                                    \
    } while (0)

static size_t pack_scalar(const uint8_t *octets, size_t count, uint8_t *packets)
{
    uint64_t same[WORDS + 1];
    MAP(octets, count, same, same_64_scalar);
    return pack_by_map(octets, count, same, packets);
}

/* --------------------------------------------------------------------------------------------------- unpacking */

/* Packet by packet, with nothing read beyond the last. */
static void unpack_last(packbits_cursor *c)
{
    const uint8_t *packets = c->packets;
    size_t at = c->at, have = c->have;

    while (have < c->wanted && at < c->length) {
        const size_t header = packets[at];
        if (header < 128) {
            if (c->length - at < header + 2)
                break;
            memcpy(c->octets + have, packets + at + 1, header + 1);
            have += header + 1;
            at += header + 2;
        } else if (header == 128) {
            at++;
        } else {
            if (c->length - at < 2)
                break;
            memset(c->octets + have, packets[at + 1], 257 - header);
            have += 257 - header;
            at += 2;
        }
    }
    c->at = at;
    c->have = have;
}

/*
 * The fast loop, of which each way has its own UNPACK_PACKET: write 128 octets whatever the packet covers, literals
 * where `keep` has all bits. It goes on while a whole packet of any kind is there to be read.
 *
 * Where the next packet begins is known only when this one's header is, some nine cycles a packet that wait for nothing
 * else. Two or three sequences abreast share them.
 */
#define UNPACK_BEGIN(k)                                                                                       \
    packbits_cursor *const c##k = cursors + k;                                                                \
    const uint8_t *from##k = c##k->packets + c##k->at;                                                        \
    const uint8_t *const last##k =                                                                            \
        c##k->length >= PACKBITS_PACKET ? c##k->packets + (c##k->length - PACKBITS_PACKET) : c##k->packets;   \
    uint8_t *to##k = c##k->octets + c##k->have, *const enough##k = c##k->octets + c##k->wanted

#define UNPACK_GOES_ON(k) (to##k < enough##k && from##k < last##k)

/* A signed header h covers |h| + 1 octets either way; there is no branch in this that a compiler could make. */
#define UNPACK_STEP(k)                                                                                        \
    do {                                                                                                      \
        const ptrdiff_t header_ = (int8_t)*from##k;                                                           \
        const ptrdiff_t repeats_ = header_ >> 31; /* all bits or none */                                      \
        if (__builtin_expect(header_ == -128, 0)) {                                                           \
            from##k++;                                                                                        \
            break;                                                                                            \
        }                                                                                                     \
        const ptrdiff_t covers_ = (header_ ^ repeats_) - repeats_ + 1;                                        \
        UNPACK_PACKET(from##k, to##k, ~(int32_t)repeats_);                                                    \
        to##k += covers_;                                                                                     \
        from##k += (header_ & ~repeats_) + 2;                                                                 \
    } while (0)

#define UNPACK_END(k)                                                                                         \
    c##k->at = (size_t)(from##k - c##k->packets);                                                             \
    c##k->have = (size_t)(to##k - c##k->octets)

#define UNPACK_WAYS(MARK)                                                                                     \
    MARK static void unpack_1(packbits_cursor *cursors)                                                       \
    {                                                                                                         \
        UNPACK_BEGIN(0);                                                                                      \
        while (UNPACK_GOES_ON(0))                                                                             \
            UNPACK_STEP(0);                                                                                   \
        UNPACK_END(0);                                                                                        \
        UNPACK_LEAVE;                                                                                         \
        unpack_last(c0);                                                                                      \
    }                                                                                                         \
                                                                                                              \
    MARK static void unpack_2(packbits_cursor *cursors)                                                       \
    {                                                                                                         \
        UNPACK_BEGIN(0);                                                                                      \
        UNPACK_BEGIN(1);                                                                                      \
        while (UNPACK_GOES_ON(0) && UNPACK_GOES_ON(1)) {                                                      \
            UNPACK_STEP(0);                                                                                   \
            UNPACK_STEP(1);                                                                                   \
        }                                                                                                     \
        UNPACK_END(0);                                                                                        \
        UNPACK_END(1);                                                                                        \
        unpack_1(cursors);                                                                                    \
        unpack_1(cursors + 1);                                                                                \
    }                                                                                                         \
                                                                                                              \
    MARK static void unpack_3(packbits_cursor *cursors)                                                       \
    {                                                                                                         \
        UNPACK_BEGIN(0);                                                                                      \
        UNPACK_BEGIN(1);                                                                                      \
        UNPACK_BEGIN(2);                                                                                      \
        while (UNPACK_GOES_ON(0) && UNPACK_GOES_ON(1) && UNPACK_GOES_ON(2)) {                                 \
            UNPACK_STEP(0);                                                                                   \
            UNPACK_STEP(1);                                                                                   \
            UNPACK_STEP(2);                                                                                   \
        }                                                                                                     \
        UNPACK_END(0);                                                                                        \
        UNPACK_END(1);                                                                                        \
        UNPACK_END(2);                                                                                        \
        unpack_2(cursors);                                                                                    \
        unpack_2(cursors + 1);                                                                                \
    }

#if SIMD_X86

#include <immintrin.h>

SIMD_AVX2 INLINE uint64_t same_64_avx2(const uint8_t *octets)
{
    uint64_t half[2];
    for (size_t k = 0; k < 2; k++) {
        const __m256i here = _mm256_loadu_si256((const __m256i *)(const void *)(octets + 32 * k));
        const __m256i next = _mm256_loadu_si256((const __m256i *)(const void *)(octets + 32 * k + 1));
        half[k] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(here, next));
    }
    return half[0] | half[1] << 32;
}

SIMD_AVX2 static size_t pack_vector(const uint8_t *octets, size_t count, uint8_t *packets)
{
    uint64_t same[WORDS + 1];
    MAP(octets, count, same, same_64_avx2);
    return pack_by_map(octets, count, same, packets);
}

#define UNPACK_PACKET(from, to, keep)                                                                         \
    do {                                                                                                      \
        const __m256i keep_ = _mm256_set1_epi32(keep);                                                        \
        const __m256i spread_ = _mm256_andnot_si256(keep_, _mm256_set1_epi8((char)(from)[1]));                \
        PUT_32(from, to, 0);                                                                                  \
        PUT_32(from, to, 32);                                                                                 \
        PUT_32(from, to, 64);                                                                                 \
        PUT_32(from, to, 96);                                                                                 \
    } while (0)
#define PUT_32(from, to, k)                                                                                   \
    _mm256_storeu_si256(                                                                                      \
        (__m256i *)(void *)((to) + (k)),                                                                      \
        _mm256_or_si256(                                                                                      \
            _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(const void *)((from) + 1 + (k))), keep_), spread_))
/* Compilers forget this before a tail call, and the SSE instructions behind it then wait for the upper halves. */
#define UNPACK_LEAVE _mm256_zeroupper()

UNPACK_WAYS(SIMD_AVX2)

#elif SIMD_NEON

#include <arm_neon.h>

INLINE uint64_t same_64_neon(const uint8_t *octets)
{
    static const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vld1q_u8(bit);
    uint8x16_t quarter[4];

    for (size_t k = 0; k < 4; k++)
        quarter[k] = vandq_u8(vceqq_u8(vld1q_u8(octets + 16 * k), vld1q_u8(octets + 16 * k + 1)), bits);
    const uint8x16_t sum = vpaddq_u8(vpaddq_u8(quarter[0], quarter[1]), vpaddq_u8(quarter[2], quarter[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

static size_t pack_vector(const uint8_t *octets, size_t count, uint8_t *packets)
{
    uint64_t same[WORDS + 1];
    MAP(octets, count, same, same_64_neon);
    return pack_by_map(octets, count, same, packets);
}

#define UNPACK_PACKET(from, to, keep)                                                                         \
    do {                                                                                                      \
        const uint8x16_t keep_ = vdupq_n_u8((uint8_t)(keep));                                                 \
        const uint8x16_t spread_ = vld1q_dup_u8((from) + 1);                                                  \
        for (size_t k_ = 0; k_ < PACKBITS_LONGEST; k_ += 16)                                                  \
            vst1q_u8((to) + k_, vbslq_u8(keep_, vld1q_u8((from) + 1 + k_), spread_));                         \
    } while (0)
#define UNPACK_LEAVE (void)0

UNPACK_WAYS(/* NEON needs no mark */)

#endif

size_t edge_packbits_pack(const uint8_t *octets, size_t count, uint8_t *packets)
{
#if SIMD_X86 || SIMD_NEON
    if (simd_has_avx2())
        return pack_vector(octets, count, packets);
#endif
    return pack_scalar(octets, count, packets);
}

void edge_packbits_unpack(packbits_cursor *cursors, size_t count)
{
#if SIMD_X86 || SIMD_NEON
    if (simd_has_avx2()) {
        if (count == 3)
            unpack_3(cursors);
        else if (count == 2)
            unpack_2(cursors);
        else
            unpack_1(cursors);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++)
        unpack_last(cursors + i);
}
