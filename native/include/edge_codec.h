/*
 * The native half of edge: the only ABI between Python and C. native/build.py gives this file to cffi as it stands.
 *
 * Every function here works on the caller's memory, keeps nothing, and has no state: it may be called from any
 * number of threads at once, and stopped after any line.
 */

#ifndef EDGE_CODEC_H
#define EDGE_CODEC_H

#include <stddef.h>
#include <stdint.h>

/*
 * Carry a CRC-32 (IEEE 802.3: polynomial 0x04C11DB7, reflected, as in gzip, PNG and zlib.crc32) over `length` octets.
 *
 * crc:    what an earlier call returned for the octets before these; 0 to begin.
 * octets: any address, any alignment; may be NULL only when `length` is 0.
 * Returns the CRC-32 of everything so far.
 *
 * The fastest way that this processor has is chosen in each call: carry-less multiplication (PCLMULQDQ) on x86-64,
 * the CRC32 instructions on AArch64, otherwise edge_crc32_scalar.
 */
uint32_t edge_crc32(uint32_t crc, const uint8_t *octets, size_t length);

/* The same in portable C, eight octets a step: what the fast ways are tested against, and the way of last resort. */
uint32_t edge_crc32_scalar(uint32_t crc, const uint8_t *octets, size_t length);

/* Name the way that edge_crc32 takes on this processor: "pclmulqdq", "crc32-instructions" or "slicing-by-8". */
const char *edge_crc32_way(void);

/* A value that edge_step came by: its tag (group in the upper half), and where its octets lie. */
typedef struct edge_found {
    uint32_t tag;
    uint32_t length;
    size_t offset;
} edge_found;

/*
 * Step over whole elements of a data set in explicit VR little endian, and note where the wanted values are.
 *
 * octets, length: what is there of the data set, beginning with the head of an element.
 * stop_after:     the first tag that is not stepped over any more.
 * wanted:         wanted_count tags in any order; found: room for found_room of them; found_count: how many were found.
 * Returns the offset of the first element that was not stepped over: because it is not all there, has no length or no
 * known VR, belongs to an item, is wanted and longer than 65,535 octets, or is not below stop_after.
 */
size_t edge_step(const uint8_t *octets, size_t length, uint32_t stop_after, const uint32_t *wanted,
                 size_t wanted_count, edge_found *found, size_t found_room, size_t *found_count);

#endif
