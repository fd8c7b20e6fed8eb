/*
 * A table of all windows of 11 (or 10) bits says how many differences stand in one, up to three, which, and how many
 * bits they take. The length is the part of an entry that the next look-up waits for; it stands where a shift
 * instruction takes it as it is. Codes longer than the window are found one length after the other; they are rare by
 * construction.
 *
 * Noisy images have differences that rarely fit a window, and whether one does is a branch that cannot be predicted.
 * For those the entries say only how long a code is, and how many bits come behind, and every difference is taken from
 * the bits themselves. A good code makes all windows equally likely, so that the table itself tells which way to go.
 *
 * Components with different tables have an entry table each, whose further differences are by the tables of the
 * components that follow.
 */

#include "lossless_codes.h"

#include "bits.h"
#include "simd.h"

#include <string.h>

/* An entry: bits 0 to 5 length, 8 and 9 how many differences, 10 and 11 the table that comes next, 16 and up these. */
enum {
    LENGTH = 63,
    COUNT_SHIFT = 8,
    NEXT_SHIFT = 10,
    IS_LONG = 1 << 12, /* one difference, not all in the window: bits 16 to 21 its code's length, 24 to 28 category */
    IS_NONE = 1 << 13, /* a longer code, or none */
    IS_BAD = 1 << 14,  /* (with IS_NONE) a code that stands for no category */
    FAST_OCTETS = 24,  /* that a round of the fast loop may read */
    FAST_WRITES = 13,  /* differences that it may write */
};

int edge_codes_define(code_table *table, const uint8_t *counts, const uint8_t *values)
{
    uint32_t code = 0;
    size_t place = 0;

    memset(table, 0, sizeof *table);
    for (unsigned length = 1; length <= 16; length++) {
        table->first[length] = (uint16_t)(place - code); /* modulo 2^16, as is what it is added to */
        code += counts[length - 1];
        place += counts[length - 1];
        if (code > UINT32_C(1) << length || place > sizeof table->values)
            return 0;
        table->limit[length] = code << (16 - length);
        code <<= 1;
    }
    memcpy(table->values, values, place);
    table->is_defined = place > 0;
    return place > 0;
}

/* The code at the beginning of 16 bits, if not shorter than `shortest`: its length (0: none) and its category. */
static unsigned code_at(const code_table *table, uint32_t bits, unsigned shortest, unsigned *category)
{
    for (unsigned length = shortest; length <= 16; length++)
        if (bits < table->limit[length]) {
            *category = table->values[(uint16_t)(table->first[length] + (bits >> (16 - length)))];
            return length;
        }
    return 0;
}

/* A difference from its category and the bits behind its code (T.81 figure F.12; 16 has none). */
static uint16_t difference_of(unsigned category, uint32_t behind)
{
    if (category == 0)
        return 0;
    if (category == 16)
        return 0x8000;
    return (uint16_t)(behind >> (category - 1) ? behind : behind - (UINT32_C(1) << category) + 1);
}

/* ---------------------------------------------------------------------------------------------------- preparing */

/* The first difference of each window, as an entry of its own. */
static void prepare_one(const code_table *table, unsigned window, uint32_t *entries)
{
    const size_t all = (size_t)1 << window;
    size_t at = 0;

    while (at < all) {
        unsigned category;
        const unsigned length = code_at(table, (uint32_t)at << (16 - window), 1, &category);
        if (length == 0 || length > window) {
            entries[at++] = IS_NONE;
            continue;
        }
        const unsigned behind = category & 15u, total = length + behind;
        const size_t end = at + ((size_t)1 << (window - length));
        if (category > 16) {
            while (at < end)
                entries[at++] = IS_NONE | IS_BAD;
        } else if (total > window) {
            const uint32_t entry = category << 24 | length << 16 | IS_LONG | 1u << COUNT_SHIFT | total;
            while (at < end)
                entries[at++] = entry;
        } else {
            const size_t same = (size_t)1 << (window - total);
            for (uint32_t bits = 0; at < end; bits++) {
                const uint32_t entry = (uint32_t)difference_of(category, bits) << 16 | 1u << COUNT_SHIFT | total;
                for (size_t k = 0; k < same; k++)
                    entries[at++] = entry;
            }
        }
    }
}

/* Add to the first difference of each window those that follow in it. */
static void prepare_more(const code_reader *reader, const uint32_t *ones, uint64_t *entries)
{
    const unsigned window = reader->window;
    const size_t all = (size_t)1 << window;

    for (uint32_t table = 0; table < reader->tables; table++)
        for (size_t at = 0; at < all; at++) {
            uint64_t entry = ones[table * all + at];
            uint32_t next = table + 1 == reader->tables ? 0 : table + 1;
            unsigned used = (unsigned)entry & LENGTH, count = 1;

            while (!(entry & (IS_LONG | IS_NONE)) && count < 3) {
                const uint32_t more = ones[next * all + ((at << used) & (all - 1))];
                const unsigned length = more & LENGTH;
                if (more & (IS_LONG | IS_NONE) || used + length > window)
                    break;
                entry |= (uint64_t)(more >> 16) << (16 + 16 * count);
                used += length;
                count++;
                next = next + 1 == reader->tables ? 0 : next + 1;
            }
            *entries++ = (entry & ~(uint64_t)(LENGTH | 3u << COUNT_SHIFT)) | used | count << COUNT_SHIFT |
                         next << NEXT_SHIFT;
        }
}

/* Only the first difference of each window, as the bits that it takes; one without bits behind it is left aside. */
static void prepare_alone(const code_reader *reader, uint64_t *entries)
{
    const size_t all = (size_t)1 << reader->window;

    for (uint32_t table = 0; table < reader->tables; table++)
        for (size_t at = 0; at < all; at++) {
            unsigned category;
            const unsigned length =
                code_at(reader->of[table], (uint32_t)at << (16 - reader->window), 1, &category);
            if (length == 0 || length > reader->window)
                *entries++ = IS_NONE;
            else if (category > 16)
                *entries++ = IS_NONE | IS_BAD;
            else if (category == 16)
                *entries++ = IS_NONE | (uint64_t)length << 16 | (uint64_t)16 << 24;
            else
                *entries++ = (uint64_t)category << 24 | (uint64_t)length << 16 | (length + category);
        }
}

/* Whether differences are better read one by one: by what a look-up yields and costs, in cycles, more or less. */
static int is_noisy(const code_reader *reader, const uint64_t *entries)
{
    const size_t all = (size_t)reader->tables << reader->window;
    uint64_t differences = 0, longs = 0;

    for (size_t at = 0; at < all; at++) {
        differences += entries[at] >> COUNT_SHIFT & 3;
        longs += (entries[at] & (IS_LONG | IS_NONE)) != 0;
    }
    return 9 * all + 25 * (longs < all - longs ? longs : all - longs) + 6 * longs > 8 * differences;
}

void edge_codes_prepare(code_reader *reader, const code_table *const *tables, size_t components, uint64_t *entries)
{
    uint32_t ones[4 << 10]; /* of each window, the first difference alone */
    uint32_t different = 1;

    for (size_t k = 1; k < components; k++)
        if (tables[k] != tables[0])
            different = (uint32_t)components;
    memset(reader, 0, sizeof *reader);
    reader->tables = different;
    reader->window = different == 1 ? CODES_WINDOW : CODES_WINDOW - 1;
    for (uint32_t k = 0; k < different; k++) {
        reader->of[k] = tables[k];
        prepare_one(tables[k], reader->window, ones + ((size_t)k << reader->window));
    }
    prepare_more(reader, ones, entries);
    reader->is_noisy = (uint8_t)is_noisy(reader, entries);
    if (reader->is_noisy)
        prepare_alone(reader, entries);
}

/* ------------------------------------------------------------------------------------------------------- reading */

#define REFILL()                                                                                              \
    do {                                                                                                      \
        bits |= load_64_big(at) >> count;                                                                     \
        at += (63 - count) >> 3;                                                                              \
        count |= 56;                                                                                          \
    } while (0)

/* Look a window up; what is not entirely in it is left to `beyond`, with the bits refilled. */
#define LOOK_UP()                                                                                             \
    entry = table[bits >> shift];                                                                             \
    if (__builtin_expect((entry & (IS_LONG | IS_NONE)) != 0, 0))                                              \
        goto beyond;                                                                                          \
    store_64((uint8_t *)to, entry >> 16);                                                                     \
    to += entry >> COUNT_SHIFT & 3;                                                                           \
    bits <<= entry & LENGTH;                                                                                  \
    count -= (unsigned)entry & LENGTH

#define FOLLOW()                                                                                              \
    if (alternates)                                                                                           \
        table = entries + ((entry >> NEXT_SHIFT & 3) << window)

static inline __attribute__((always_inline)) codes_result read_fast(code_reader *reader, const uint64_t *entries,
                                                                    bit_source *source, uint16_t **to_io,
                                                                    const uint16_t *enough, int alternates)
{
    const unsigned window = reader->window, shift = 64 - window;
    const uint64_t *table = entries + ((size_t)reader->next << window);
    const uint8_t *at = source->at, *const last = source->end - FAST_OCTETS;
    uint64_t bits = source->bits, entry;
    unsigned count = source->count;
    uint16_t *to = *to_io;
    codes_result result = CODES_ENOUGH;

    while (to < enough && at < last) {
        REFILL();
        LOOK_UP();
        FOLLOW();
        LOOK_UP();
        FOLLOW();
        LOOK_UP();
        FOLLOW();
        LOOK_UP();
        FOLLOW();
        continue;

    beyond:
        REFILL();
        unsigned length = (unsigned)(entry >> 16) & 31, category = (unsigned)(entry >> 24) & 31;
        const uint32_t which = alternates ? (uint32_t)((size_t)(table - entries) >> window) : 0;
        if (entry & IS_NONE) {
            const uint32_t ahead = (uint32_t)(bits >> 48);
            length = entry & IS_BAD ? 0 : code_at(reader->of[which], ahead, window + 1, &category);
            if (length == 0 || category > 16) {
                result = CODES_BAD;
                break;
            }
        }
        const unsigned behind = category & 15u;
        const uint64_t rest = bits << length;
        *to++ = behind == 0 ? difference_of(category, 0) : difference_of(category, (uint32_t)(rest >> (64 - behind)));
        bits = rest << behind;
        count -= length + behind;
        if (alternates)
            table = entries + ((size_t)(which + 1 == reader->tables ? 0 : which + 1) << window);
    }
    source->at = at;
    source->bits = bits;
    source->count = count;
    *to_io = to;
    reader->next = (uint32_t)((size_t)(table - entries) >> window);
    return result;
}

/* One difference from the bits: its code is in the window. Two of them take 52 bits at most. */
#define TAKE()                                                                                                \
    entry = table[bits >> shift];                                                                             \
    if (__builtin_expect((entry & IS_NONE) != 0, 0))                                                          \
        goto beyond;                                                                                          \
    behind = bits << (entry >> 16 & LENGTH);                                                                  \
    category = (unsigned)(entry >> 24);                                                                       \
    bits <<= entry & LENGTH;                                                                                  \
    count -= (unsigned)entry & LENGTH;                                                                        \
    *to++ = (uint16_t)((behind >> 1 >> (63 - category)) +                                                     \
                       (~(uint64_t)((int64_t)behind >> 63) & (1 - (UINT64_C(1) << category))));               \
    if (alternates) {                                                                                         \
        which = which + 1 == tables ? 0 : which + 1;                                                          \
        table = entries + ((size_t)which << window);                                                          \
    }

static inline __attribute__((always_inline)) codes_result read_noise(code_reader *reader, const uint64_t *entries,
                                                                     bit_source *source, uint16_t **to_io,
                                                                     const uint16_t *enough, int alternates)
{
    const unsigned window = reader->window, shift = 64 - window;
    const uint32_t tables = reader->tables;
    uint32_t which = reader->next;
    const uint64_t *table = entries + ((size_t)which << window);
    const uint8_t *at = source->at, *const last = source->end - FAST_OCTETS;
    uint64_t bits = source->bits, entry, behind;
    unsigned count = source->count, category;
    uint16_t *to = *to_io;
    codes_result result = CODES_ENOUGH;

    while (to < enough && at < last) {
        REFILL();
        TAKE();
        TAKE();
        continue;

    beyond:
        REFILL();
        unsigned length = (unsigned)(entry >> 16) & LENGTH;
        category = (unsigned)(entry >> 24);
        if (length == 0) {
            const uint32_t ahead = (uint32_t)(bits >> 48);
            length = entry & IS_BAD ? 0 : code_at(reader->of[which], ahead, window + 1, &category);
            if (length == 0 || category > 16) {
                result = CODES_BAD;
                break;
            }
        }
        const unsigned more = category & 15u;
        *to++ = difference_of(category, more == 0 ? 0 : (uint32_t)(bits << length >> (64 - more)));
        bits = bits << length << more;
        count -= length + more;
        if (alternates) {
            which = which + 1 == tables ? 0 : which + 1;
            table = entries + ((size_t)which << window);
        }
    }
    source->at = at;
    source->bits = bits;
    source->count = count;
    *to_io = to;
    reader->next = which;
    return result;
}

#define READ_MANY(name, MARK)                                                                                 \
    MARK static codes_result name(code_reader *reader, const uint64_t *entries, bit_source *source, uint16_t **to, \
                                  const uint16_t *enough)                                                     \
    {                                                                                                         \
        if (reader->is_noisy)                                                                                 \
            return reader->tables == 1 ? read_noise(reader, entries, source, to, enough, 0)                   \
                                       : read_noise(reader, entries, source, to, enough, 1);                  \
        return reader->tables == 1 ? read_fast(reader, entries, source, to, enough, 0)                        \
                                   : read_fast(reader, entries, source, to, enough, 1);                       \
    }

READ_MANY(read_many, /* for any processor */)
#if SIMD_X86
READ_MANY(read_many_bmi2, SIMD_AVX2) /* the same source, with shifts by any register */
#else
#define read_many_bmi2 read_many
#endif

static codes_result read_one(code_reader *reader, bit_source *source, uint16_t *to)
{
    const code_table *table = reader->of[reader->next];
    unsigned category;

    while (source->count < 56 && source->at < source->end) {
        source->bits |= (uint64_t)*source->at++ << (56 - source->count);
        source->count += 8;
    }
    const unsigned length = code_at(table, (uint32_t)(source->bits >> 48), 1, &category);
    if (length == 0)
        return source->count < 16 ? CODES_HUNGRY : CODES_BAD;
    if (category > 16)
        return length > source->count ? CODES_HUNGRY : CODES_BAD;
    const unsigned behind = category & 15u;
    if (length + behind > source->count)
        return CODES_HUNGRY;
    const uint64_t rest = source->bits << length;
    *to = behind == 0 ? difference_of(category, 0) : difference_of(category, (uint32_t)(rest >> (64 - behind)));
    source->bits = rest << behind;
    source->count -= length + behind;
    reader->next = reader->next + 1 == reader->tables ? 0 : reader->next + 1;
    return CODES_ENOUGH;
}

codes_result edge_codes_read(code_reader *reader, const uint64_t *entries, bit_source *source, uint16_t *differences,
                             size_t *have, size_t wanted, int is_rough)
{
    uint16_t *to = differences + *have;
    codes_result result = CODES_ENOUGH;

    if (wanted >= FAST_WRITES && *have <= wanted - FAST_WRITES && source->end - source->at > FAST_OCTETS) {
        const uint16_t *enough = differences + wanted - FAST_WRITES + 1;
        result = simd_has_avx2() ? read_many_bmi2(reader, entries, source, &to, enough)
                                 : read_many(reader, entries, source, &to, enough);
        if (result == CODES_BAD || (is_rough && to > differences + *have)) {
            *have = (size_t)(to - differences);
            return result;
        }
    }
    while (to < differences + wanted && (result = read_one(reader, source, to)) == CODES_ENOUGH)
        to++;
    *have = (size_t)(to - differences);
    return result;
}
