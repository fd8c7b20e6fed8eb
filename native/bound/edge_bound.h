/*
 * The one ABI of the bound codecs: OpenJPEG, OpenJPH and libjpeg-turbo each stand behind the same functions, in an
 * extension module of their own. native/bound/build.py gives this file to cffi as it stands.
 *
 * Unlike the codecs of edge_codec.h these libraries take memory of their own and keep a whole frame, so they work frame
 * by frame; and since they read hostile data they belong into a process of their own (edge/pixels/limited.py). A call
 * must not overlap another in the same process: some of the libraries report through something global.
 */

#ifndef EDGE_BOUND_H
#define EDGE_BOUND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum edge_bound_result {
    EDGE_BOUND_DONE = 0,
    EDGE_BOUND_CONTRADICTS = 1, /* the stream's own header says something else than the caller's image */
    EDGE_BOUND_CORRUPT = 2,     /* the stream is truncated or broken */
    EDGE_BOUND_UNSUPPORTED = 3, /* the stream may be right, but it is not for this codec */
    EDGE_BOUND_NO_MEMORY = 4,
    EDGE_BOUND_NO_ROOM = 5,   /* the caller's buffer is too small for what came out */
    EDGE_BOUND_BAD_IMAGE = 6, /* the caller's image, or what it wishes, is out of its range, or nothing of this codec */
    EDGE_BOUND_BAD_SAMPLE = 7, /* a sample has bits above bits_stored that are not its sign */
    EDGE_BOUND_ELSEWHERE = 8   /* the stream may be right, and another library of the same codec is to decode it */
} edge_bound_result;

/* The first seven fields of edge_image, with the same meaning; planar is 0: samples of a pixel lie side by side. */
typedef struct edge_bound_image {
    uint32_t columns;
    uint32_t rows;
    uint8_t components;
    uint8_t bits_allocated;
    uint8_t bits_stored;
    uint8_t is_signed;
    uint8_t planar;
} edge_bound_image;

/* What is wished of a call; each codec looks at the fields that it knows. */
typedef struct edge_bound_wish {
    uint8_t colour; /* encode: 1 applies the component transform to three components; decode of JPEG: 1 asks for RGB,
                       0 for the colours that the stream has */
    uint8_t rpcl;   /* encode HTJ2K: 1 orders packets by resolution, position, component, layer, and writes a TLM */
    uint8_t lossy;  /* encode HTJ2K: 1 takes the irreversible transforms */
    float step;     /* their quantisation step, as a part of the whole range of samples: 0 < step < 0.5 */
} edge_bound_wish;

/* The library and its version in words; never NULL. */
const char *edge_bound_version(void);

/*
 * Decode one frame into native pixels, little endian, `room` octets of which are there; exactly those that `image` asks
 * for are written. What the stream's header says is held against `image` before anything is allocated for it.
 *
 * words: on every result but EDGE_BOUND_DONE, one sentence in ASCII without a full stop, ended by 0; words_room > 0.
 */
edge_bound_result edge_bound_decode(const edge_bound_image *image, const edge_bound_wish *wish, const uint8_t *coded,
                                    size_t coded_octets, uint8_t *pixels, size_t room, char *words, size_t words_room);

/*
 * Encode one frame of native pixels; *made is how many octets of `coded` it became. Words as above.
 *
 * What is encoded with loss is decoded once and held against `pixels`: where a sample is off by more than eight
 * quantisation steps, or more than a quarter of the range of samples, the result is EDGE_BOUND_BAD_IMAGE.
 */
edge_bound_result edge_bound_encode(const edge_bound_image *image, const edge_bound_wish *wish, const uint8_t *pixels,
                                    size_t octets, uint8_t *coded, size_t room, size_t *made, char *words,
                                    size_t words_room);

/* How much room an encoder should be given: enough for pixels of pure noise. 0 where it cannot encode such an image. */
size_t edge_bound_encoded_limit(const edge_bound_image *image);

#ifdef __cplusplus
}
#endif

#endif
