/* Words in memory, and what several codecs ask of their bits: no alignment is assumed anywhere. */

#ifndef EDGE_BITS_H
#define EDGE_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pixels are little endian here, and so must the processor be"
#endif

static inline uint16_t load_16(const uint8_t *octets)
{
    uint16_t word;
    memcpy(&word, octets, sizeof word);
    return word;
}

static inline uint32_t load_32(const uint8_t *octets)
{
    uint32_t word;
    memcpy(&word, octets, sizeof word);
    return word;
}

static inline uint64_t load_64(const uint8_t *octets)
{
    uint64_t word;
    memcpy(&word, octets, sizeof word);
    return word;
}

/* As markers and headers have it: the more significant octet first. */
static inline unsigned load_16_big(const uint8_t *octets)
{
    return (unsigned)octets[0] << 8 | octets[1];
}

/* The octets in the order of a bit stream: the first is the most significant. */
static inline uint64_t load_64_big(const uint8_t *octets)
{
    return __builtin_bswap64(load_64(octets));
}

static inline void store_16(uint8_t *octets, uint16_t word)
{
    memcpy(octets, &word, sizeof word);
}

static inline void store_32(uint8_t *octets, uint32_t word)
{
    memcpy(octets, &word, sizeof word);
}

static inline void store_64(uint8_t *octets, uint64_t word)
{
    memcpy(octets, &word, sizeof word);
}

static inline void store_64_big(uint8_t *octets, uint64_t word)
{
    store_64(octets, __builtin_bswap64(word));
}

/* Not 0 when an octet of the word is 0xFF (JPEG and JPEG-LS stuff behind it). */
static inline uint64_t has_ff(uint64_t word)
{
    return word & (~word - UINT64_C(0x0101010101010101)) & UINT64_C(0x8080808080808080);
}

#endif
