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

#endif
