/*
 * Between native pixels and the lines of 32-bit integers that the libraries work on; what both sides must agree on is
 * checked here. Included by each shim: every function is static.
 */

#ifndef EDGE_BOUND_SAMPLES_H
#define EDGE_BOUND_SAMPLES_H

#include "edge_bound.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "native pixels are little endian, and so must be the machine"
#endif

typedef struct edge_words {
    char *text;
    size_t room;
} edge_words;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline edge_bound_result edge_say(edge_words words, edge_bound_result result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words.text, words.room, format, arguments);
    va_end(arguments);
    return result;
}

static inline size_t edge_octets(const edge_bound_image *image)
{
    return (size_t)image->columns * image->rows * image->components * (image->bits_allocated / 8u);
}

static inline edge_bound_result edge_image_check(const edge_bound_image *image, size_t octets, edge_words words)
{
    unsigned allocated = image->bits_allocated;
    if (image->columns < 1 || image->columns > 65535 || image->rows < 1 || image->rows > 65535 ||
        image->components < 1 || image->components > 4 || (allocated != 8 && allocated != 16 && allocated != 32) ||
        image->bits_stored < 1 || image->bits_stored > allocated || image->planar)
        return edge_say(words, EDGE_BOUND_BAD_IMAGE, "no such image: %lu x %lu, %u samples a pixel, %u of %u bits%s",
                        (unsigned long)image->columns, (unsigned long)image->rows, image->components,
                        image->bits_stored, allocated, image->planar ? ", planar" : "");
    if (octets < edge_octets(image))
        return edge_say(words, EDGE_BOUND_BAD_IMAGE, "the pixels take %llu octets, and there are %llu",
                        (unsigned long long)edge_octets(image), (unsigned long long)octets);
    return EDGE_BOUND_DONE;
}

/* How the samples of a stream become those of an image. */
typedef struct edge_range {
    int32_t low, high; /* of the stream: what lies outside is brought to the nearer */
    int32_t flip;      /* the sign bit to extend from, where the stream is unsigned and the image is not; else 0 */
} edge_range;

static inline edge_range edge_range_of(const edge_bound_image *image, unsigned depth, int is_signed)
{
    edge_range range;
    range.low = is_signed ? (int32_t)(-(INT64_C(1) << (depth - 1))) : 0;
    range.high = (int32_t)((INT64_C(1) << (is_signed || depth > 31 ? depth - 1 : depth)) - 1);
    range.flip = image->is_signed && !is_signed && depth < 32 ? (int32_t)(UINT32_C(1) << (depth - 1)) : 0;
    return range;
}

static inline int32_t edge_brought(int32_t value, edge_range range)
{
    value = value < range.low ? range.low : value;
    value = value > range.high ? range.high : value;
    return (int32_t)((uint32_t)(value ^ range.flip) - (uint32_t)range.flip);
}

/* Write `count` samples, `stride` samples apart. */
static inline void edge_store(const int32_t *line, size_t count, uint8_t *out, unsigned stride, unsigned allocated,
                       edge_range range)
{
    size_t i;
    if (allocated == 8 && stride == 1) {
        for (i = 0; i < count; i++)
            out[i] = (uint8_t)edge_brought(line[i], range);
    } else if (allocated == 8) {
        for (i = 0; i < count; i++)
            out[i * stride] = (uint8_t)edge_brought(line[i], range);
    } else if (allocated == 16) {
        for (i = 0; i < count; i++) {
            uint16_t sample = (uint16_t)edge_brought(line[i], range);
            memcpy(out + 2 * i * stride, &sample, 2);
        }
    } else {
        for (i = 0; i < count; i++) {
            int32_t sample = edge_brought(line[i], range);
            memcpy(out + 4 * i * stride, &sample, 4);
        }
    }
}

/* Read `count` samples, `stride` samples apart; return 1 when one has bits above `stored` that are not its sign. */
static inline int edge_fetch(const uint8_t *in, size_t count, unsigned stride, const edge_bound_image *image,
                             int32_t *line)
{
    unsigned drop = 32u - image->bits_stored;
    uint32_t wrong = 0;
    size_t i;
#define EDGE_FETCH(type)                                                                   \
    for (i = 0; i < count; i++) {                                                          \
        type sample;                                                                       \
        memcpy(&sample, in + i * stride * sizeof sample, sizeof sample);                   \
        line[i] = (int32_t)sample;                                                         \
    }
    if (image->bits_allocated == 8 && image->is_signed)
        EDGE_FETCH(int8_t)
    else if (image->bits_allocated == 8)
        EDGE_FETCH(uint8_t)
    else if (image->bits_allocated == 16 && image->is_signed)
        EDGE_FETCH(int16_t)
    else if (image->bits_allocated == 16)
        EDGE_FETCH(uint16_t)
    else
        EDGE_FETCH(int32_t)
#undef EDGE_FETCH
    if (image->is_signed) {
        for (i = 0; i < count; i++)
            wrong |= (uint32_t)(((int32_t)((uint32_t)line[i] << drop) >> drop) ^ line[i]);
    } else {
        for (i = 0; i < count; i++)
            wrong |= (uint32_t)line[i];
        wrong = image->bits_stored < 32 ? wrong >> image->bits_stored : 0;
    }
    return wrong != 0;
}

static inline edge_bound_result edge_bad_sample(const edge_bound_image *image, edge_words words)
{
    return edge_say(words, EDGE_BOUND_BAD_SAMPLE, "a sample has bits above the %u stored that are not its sign",
                    image->bits_stored);
}

#endif
