/*
 * What a JPEG 2000 codestream says about itself (T.800 Annex A), read before any library sees it: the image it holds,
 * and whether all its tile-parts are there. Libraries differ in what they make of a missing end; here it is an error.
 */

#ifndef EDGE_BOUND_CODESTREAM_H
#define EDGE_BOUND_CODESTREAM_H

#include "samples.h"

typedef struct edge_codestream {
    const uint8_t *octets; /* from SOC on */
    size_t length;
    unsigned depth;
    int is_signed;
    int high_throughput; /* a CAP segment says Part 15 */
    unsigned levels;     /* of decomposition, the most that any component has by the main header */
    uint32_t least;      /* the longer side of its smallest tile */
    int is_whole;        /* one tile, at the origin */
} edge_codestream;

static inline uint32_t edge_be16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t edge_be32(const uint8_t *at)
{
    return edge_be16(at) << 16 | edge_be16(at + 2);
}

/* Some writers put the whole JP2 file into the frame: step to the box that holds the codestream. */
static inline void edge_skip_boxes(edge_codestream *stream)
{
    static const uint8_t signature[8] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    if (stream->length < 12 || memcmp(stream->octets, signature, sizeof signature) != 0)
        return;
    while (stream->length >= 8) {
        uint64_t box = edge_be32(stream->octets);
        size_t head = 8;
        int found = memcmp(stream->octets + 4, "jp2c", 4) == 0;
        if (box == 1 && stream->length >= 16) {
            box = (uint64_t)edge_be32(stream->octets + 8) << 32 | edge_be32(stream->octets + 12);
            head = 16;
        } else if (box == 0) {
            box = stream->length;
        }
        if (box < head || box > stream->length) {
            if (!found || box < head)
                return;
            box = stream->length;
        }
        if (found) {
            stream->octets += head;
            stream->length = (size_t)box - head;
            return;
        }
        stream->octets += box;
        stream->length -= (size_t)box;
    }
}

/* Return the longer side of the smallest tile; the body of SIZ, and the number of the last tile across and down. */
static inline uint32_t edge_least_tile(const uint8_t *siz, uint32_t across, uint32_t down)
{
    uint32_t sides[2], i;
    for (i = 0; i < 2; i++) {
        uint32_t last = i == 0 ? across : down, tile = edge_be32(siz + 20 + 4 * i);
        uint32_t begin = edge_be32(siz + 12 + 4 * i), end = edge_be32(siz + 4 + 4 * i);
        uint32_t grid = edge_be32(siz + 28 + 4 * i), first = grid + tile - begin;
        sides[i] = last == 0 ? end - begin : end - grid - last * tile;
        if (last != 0 && first < sides[i])
            sides[i] = first;
    }
    return sides[0] > sides[1] ? sides[0] : sides[1];
}

static inline edge_bound_result edge_siz_check(edge_codestream *stream, const edge_bound_image *image,
                                               uint32_t *tiles, edge_words words)
{
    const uint8_t *siz = stream->octets + 4;
    uint32_t components, columns, rows, across, down, i;
    if (stream->length < 45 || edge_be32(stream->octets) != 0xFF4FFF51u)
        return edge_say(words, EDGE_BOUND_CORRUPT, "no JPEG 2000 codestream: it does not begin with SOC and SIZ");
    components = edge_be16(siz + 36);
    if (edge_be16(siz) != 38 + 3 * components || stream->length < 4 + 38 + 3 * (size_t)components)
        return edge_say(words, EDGE_BOUND_CORRUPT, "its SIZ segment has a wrong length");
    if (edge_be32(siz + 4) <= edge_be32(siz + 12) || edge_be32(siz + 8) <= edge_be32(siz + 16))
        return edge_say(words, EDGE_BOUND_CORRUPT, "its SIZ segment describes no image");
    columns = edge_be32(siz + 4) - edge_be32(siz + 12);
    rows = edge_be32(siz + 8) - edge_be32(siz + 16);
    if (columns != image->columns || rows != image->rows || components != image->components)
        return edge_say(words, EDGE_BOUND_CONTRADICTS,
                        "the data set says %lu x %lu with %u samples a pixel, the stream %lu x %lu with %lu",
                        (unsigned long)image->columns, (unsigned long)image->rows, image->components,
                        (unsigned long)columns, (unsigned long)rows, (unsigned long)components);
    stream->depth = (siz[38] & 0x7Fu) + 1;
    stream->is_signed = siz[38] >> 7;
    for (i = 0; i < components; i++) {
        if (siz[38 + 3 * i] != siz[38])
            return edge_say(words, EDGE_BOUND_UNSUPPORTED, "its components differ in depth or sign");
        if (siz[39 + 3 * i] != 1 || siz[40 + 3 * i] != 1)
            return edge_say(words, EDGE_BOUND_UNSUPPORTED, "its components are subsampled");
    }
    if (stream->depth > image->bits_allocated)
        return edge_say(words, EDGE_BOUND_CONTRADICTS, "the data set allocates %u bits a sample, the stream has %u",
                        image->bits_allocated, stream->depth);
    if (edge_be32(siz + 20) == 0 || edge_be32(siz + 24) == 0 || edge_be32(siz + 28) > edge_be32(siz + 12) ||
        edge_be32(siz + 32) > edge_be32(siz + 16))
        return edge_say(words, EDGE_BOUND_CORRUPT, "its SIZ segment describes impossible tiles");
    across = (edge_be32(siz + 4) - edge_be32(siz + 28) - 1) / edge_be32(siz + 20);
    down = (edge_be32(siz + 8) - edge_be32(siz + 32) - 1) / edge_be32(siz + 24);
    if (across >= 65535 || down >= 65535 || (uint64_t)(across + 1) * (down + 1) > 65535)
        return edge_say(words, EDGE_BOUND_CORRUPT, "its SIZ segment describes more than 65535 tiles");
    *tiles = (across + 1) * (down + 1);
    stream->is_whole = *tiles == 1 && (edge_be32(siz + 12) | edge_be32(siz + 16)) == 0;
    stream->least = edge_least_tile(siz, across, down);
    return EDGE_BOUND_DONE;
}

/* Walk from the main header's end through every tile-part by its length; note which tiles are there. */
static inline edge_bound_result edge_tiles_check(const edge_codestream *stream, size_t at, uint32_t tiles,
                                                 edge_words words)
{
    uint8_t seen[65536 / 8];
    uint32_t missing = tiles;
    memset(seen, 0, sizeof seen);
    while (stream->length - at >= 12 && edge_be16(stream->octets + at) == 0xFF90u) {
        uint32_t tile = edge_be16(stream->octets + at + 4), octets = edge_be32(stream->octets + at + 6);
        if (edge_be16(stream->octets + at + 2) != 10 || tile >= tiles || (octets != 0 && octets < 14))
            return edge_say(words, EDGE_BOUND_CORRUPT, "the head of a tile-part is broken");
        if (octets > stream->length - at)
            return edge_say(words, EDGE_BOUND_CORRUPT, "the stream is truncated: tile %lu lacks %llu of its octets",
                            (unsigned long)tile, (unsigned long long)octets - (stream->length - at));
        if (!(seen[tile / 8] & 1u << tile % 8)) {
            seen[tile / 8] = (uint8_t)(seen[tile / 8] | 1u << tile % 8);
            missing--;
        }
        if (octets == 0) { /* the last one may leave its length open; then only the end says that it is all there */
            size_t end = stream->length;
            while (end > at + 14 && stream->octets[end - 1] == 0)
                end--;
            if (edge_be16(stream->octets + end - 2) != 0xFFD9u)
                return edge_say(words, EDGE_BOUND_CORRUPT, "the stream is truncated: its end marker is missing");
            at = end - 2;
            break;
        }
        at += octets;
    }
    if (missing != 0)
        return edge_say(words, EDGE_BOUND_CORRUPT,
                        "the stream is truncated or broken: %lu of its %lu tiles are missing", (unsigned long)missing,
                        (unsigned long)tiles);
    if (stream->length - at > 1 && edge_be16(stream->octets + at) != 0xFFD9u)
        return edge_say(words, EDGE_BOUND_CORRUPT, "something else than a tile-part or the end follows a tile-part");
    return EDGE_BOUND_DONE;
}

/* Hold the stream's header against the image, and its tile-parts against their lengths. */
static inline edge_bound_result edge_codestream_check(edge_codestream *stream, const uint8_t *coded, size_t length,
                                                      const edge_bound_image *image, edge_words words)
{
    uint32_t tiles = 0;
    size_t at = 2;
    edge_bound_result result;
    memset(stream, 0, sizeof *stream);
    stream->octets = coded;
    stream->length = length;
    edge_skip_boxes(stream);
    result = edge_siz_check(stream, image, &tiles, words);
    if (result != EDGE_BOUND_DONE)
        return result;
    while (stream->length - at >= 4 && edge_be16(stream->octets + at) != 0xFF90u) {
        uint32_t marker = edge_be16(stream->octets + at), segment = edge_be16(stream->octets + at + 2);
        if (marker < 0xFF50u || segment < 2 || segment + 2 > stream->length - at)
            return edge_say(words, EDGE_BOUND_CORRUPT, "its main header is broken or truncated");
        if (marker == 0xFF50u && segment >= 6 && (edge_be32(stream->octets + at + 4) & 0x00020000u))
            stream->high_throughput = 1; /* Pcap 15 */
        if (marker == 0xFF52u && segment >= 10 && stream->octets[at + 9] > stream->levels) /* COD */
            stream->levels = stream->octets[at + 9];
        if (marker == 0xFF53u && segment >= 7 && stream->octets[at + 6] > stream->levels) /* COC of < 257 components */
            stream->levels = stream->octets[at + 6];
        at += 2 + segment;
    }
    if (stream->length - at < 12)
        return edge_say(words, EDGE_BOUND_CORRUPT, "the stream is truncated: it ends within its main header");
    return edge_tiles_check(stream, at, tiles, words);
}

#endif
