/*
 * How DICOM RLE (PS3.5 Annex G) lays out an image: its octets make planes, each of which is a segment of PackBits.
 *
 * Planes that are merged into one picture are a group: all of them where pixels lie side by side, those of a component
 * where the image is planar.
 */

#ifndef EDGE_RLE_LAYOUT_H
#define EDGE_RLE_LAYOUT_H

#include "bits.h"
#include "edge_codec.h"
#include "planes.h"

enum { RLE_HEADER = 64 };

typedef struct rle_layout {
    uint32_t planes; /* segments of the stream */
    uint32_t stride; /* planes of a group: octets of a pixel, or of a sample where the image is planar */
    uint32_t sample; /* octets of a sample */
    size_t octets;   /* of a plane */
} rle_layout;

/* Returns 0 where the image has no RLE form: too many planes, or offsets beyond 32 bits. */
static inline int rle_layout_of(const edge_image *image, rle_layout *found)
{
    const size_t octets = edge_image_octets(image);

    if (octets == 0 || image->planar > 1)
        return 0;
    found->sample = image->bits_allocated / 8u;
    found->planes = found->sample * image->components;
    found->stride = image->planar ? found->sample : found->planes;
    found->octets = (size_t)image->columns * image->rows;
    return found->planes <= PLANES_MOST && octets <= UINT32_MAX / 2;
}

/* Octet of a pixel (of the plane's group) that plane `plane` holds: most significant first. */
static inline size_t rle_octet_of(const rle_layout *of, uint32_t plane)
{
    const uint32_t in_group = plane % of->stride;
    return in_group / of->sample * of->sample + (of->sample - 1 - in_group % of->sample);
}

/* Move what waits in `pending` to the output; return whether nothing is left. */
static inline int rle_drip(edge_io *io, const uint8_t *pending, size_t *at, size_t *waiting)
{
    const size_t count = *waiting < io->out_left ? *waiting : io->out_left;

    if (count > 0) {
        memcpy(io->out, pending + *at, count);
        io->out += count;
        io->out_left -= count;
        *at += count;
        *waiting -= count;
    }
    return *waiting == 0;
}

#endif
