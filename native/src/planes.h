/* Octet planes: one octet of each pixel, side by side. RLE codes them; pixels are made of them. */

#ifndef EDGE_PLANES_H
#define EDGE_PLANES_H

#include <stddef.h>
#include <stdint.h>

/* RLE has at most 15 segments. */
enum { PLANES_MOST = 15 };

/*
 * Copy octet `offset` of each of `count` pixels, which are `stride` octets each, to `plane`.
 * Reads count * stride octets at most, writes `count`.
 */
void edge_planes_take(const uint8_t *pixels, size_t stride, size_t offset, size_t count, uint8_t *plane);

/* Write `count` pixels of `stride` octets; octet i of pixel n is planes[i][n]. Writes count * stride octets. */
void edge_planes_merge(const uint8_t *const *planes, size_t stride, size_t count, uint8_t *pixels);

#endif
