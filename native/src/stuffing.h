/* The octet 0 that stands behind each 0xFF of coded data (T.81 F.1.2.3): put in and taken out. */

#ifndef EDGE_STUFFING_H
#define EDGE_STUFFING_H

#include <stddef.h>
#include <stdint.h>

enum { STUFF_SLACK = 32 };

/* Copy `count` octets with a 0 behind each 0xFF; `stuffed` has room for twice as many and STUFF_SLACK. */
size_t edge_stuff(const uint8_t *octets, size_t count, uint8_t *stuffed);

/*
 * Copy octets without the 0 behind each 0xFF, up to `room` of them, or to a 0xFF that has something else, or nothing
 * yet, behind it. Returns how many were written; *used says how many were read.
 */
size_t edge_unstuff(const uint8_t *stuffed, size_t count, size_t *used, uint8_t *octets, size_t room);

#endif
