/*
 * The native half of edge: the only ABI between Python and C. native/build.py gives this file to cffi as it stands.
 *
 * Every function here works on the caller's memory and on nothing else: no globals, no allocation, no I/O. Any number
 * of threads may call them at once as long as no two share a state, and a call may be stopped after any line.
 */

#ifndef EDGE_CODEC_H
#define EDGE_CODEC_H

#include <stddef.h>
#include <stdint.h>

/* -------------------------------------------------------------------------------------------------- checksum */

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

/* ---------------------------------------------------------------------------------------- what all codecs share
 *
 * A codec is a stream. The caller asks how many octets of state it takes, gives them, begins, and calls the step
 * function with input and output in whatever pieces it has, down to one octet at a time: the pieces never change the
 * result. A state needs no end: when the step has answered EDGE_DONE or an error, or at any time before, it is dropped
 * or begun anew. It need not be cleared before `begin`, and it holds no addresses of the caller's, so it may be moved.
 *
 *     size_t size = edge_X_encoder_size(&image, ...);              0: such an image cannot be coded
 *     edge_result result = edge_X_encode_begin(state, size, &image, ...);
 *     while (result >= 0 && (result = edge_X_encode(state, &io)) > EDGE_DONE)
 *         ... EDGE_NEEDS_INPUT: put more behind what is left in io.in; EDGE_NEEDS_OUTPUT: take what is in io.out
 *
 * A decoder learns the image from the stream: called with out_left = 0 it goes as far as EDGE_NEEDS_OUTPUT, and then
 * edge_X_decoded_image says what the pixels will look like.
 */

typedef enum edge_result {
    EDGE_DONE = 0,         /* the stream is complete; octets behind its end are left in `in` */
    EDGE_NEEDS_INPUT = 1,  /* go on with more input, or with `in_ended` set */
    EDGE_NEEDS_OUTPUT = 2, /* go on with more room for output */

    /* Below 0 are errors; the state keeps its error and answers it again. First: the stream is at fault. */
    EDGE_TRUNCATED = -1,       /* the input ended before the stream did; what was produced is right */
    EDGE_CORRUPT = -2,         /* the coded data contradicts itself */
    EDGE_CORRUPT_HEADER = -3,  /* a header or marker segment is malformed, missing or out of its place */
    EDGE_CORRUPT_TABLE = -4,   /* a code table is impossible, or was used and never defined */
    EDGE_CORRUPT_CODE = -5,    /* bits that are no code of their table */
    EDGE_CORRUPT_RESTART = -6, /* a restart marker is missing, or is not the next in order */

    /* The stream may be right, but it is not for this codec. */
    EDGE_UNSUPPORTED = -20,          /* another process or version, or an extension */
    EDGE_UNSUPPORTED_DNL = -21,      /* the number of rows comes only behind the first scan (DNL) */
    EDGE_UNSUPPORTED_SAMPLING = -22, /* the components differ in size */
    EDGE_UNSUPPORTED_SCANS = -23,    /* scans in an order that only a state that holds the frame can take */

    /* The caller is at fault. */
    EDGE_BAD_IMAGE = -40,  /* this codec has no such image */
    EDGE_BAD_OPTION = -41, /* an option is out of its range */
    EDGE_BAD_STATE = -42,  /* NULL, not aligned to 8 octets, smaller than asked for, or never begun */
    EDGE_BAD_SAMPLE = -43, /* a sample has bits above bits_stored that are not its sign (see drops_high_bits) */
    EDGE_TOO_LARGE = -44   /* the stream's image is larger than the state was made for */
} edge_result;

/* One sentence in English, without a full stop; never NULL, whatever the number. */
const char *edge_result_text(edge_result result);

/*
 * What pixels look like: native DICOM ones. Samples are little endian, 1, 2 or 4 octets each, rows without gaps; those
 * of a pixel lie side by side, or (planar) each component is a picture of its own, one behind the other.
 */
typedef struct edge_image {
    uint32_t columns;        /* 1 to 65535 */
    uint32_t rows;           /* 1 to 65535 */
    uint8_t components;      /* samples per pixel: 1 to 4 */
    uint8_t bits_allocated;  /* 8, 16 or (RLE) 32 */
    uint8_t bits_stored;     /* 1 to bits_allocated; the high bit is bits_stored - 1 */
    uint8_t is_signed;       /* 1: two's complement, sign-extended from bits_stored to bits_allocated */
    uint8_t planar;          /* 1: component by component */
    uint8_t drops_high_bits; /* encoders, on bits above bits_stored: 0 refuses them by EDGE_BAD_SAMPLE, 1 drops them */
} edge_image;

/* The octets of all pixels of an image; 0 where a field is out of its range. */
size_t edge_image_octets(const edge_image *image);

/* What a step works on. It moves the pointers past what it took and gave, and counts down what is left. */
typedef struct edge_io {
    const uint8_t *in;
    size_t in_left;
    uint8_t *out;
    size_t out_left;
    uint8_t in_ended; /* 1: nothing comes behind these `in_left` octets */
} edge_io;

/* ------------------------------------------------------------------------------------------- RLE (PS3.5 Annex G)
 *
 * Each octet of a sample is a plane of its own, all most significant octets first; each plane is a segment of PackBits,
 * coded row by row. bits_stored, is_signed and drops_high_bits play no part: every bit allocated is kept.
 *
 * The stream begins with the offsets of all its segments, so that an image of more than one plane cannot be coded
 * before all of it is there, nor its pixels be put together before the last segment comes. `whole_input` says who keeps
 * it meanwhile:
 *
 * 0: the state. The encoder's holds all pixels, the decoder's all planes but the last; neither where one plane is coded
 *    by itself (8 bits; one component or, when decoding, planar).
 * 1: the caller, who gives the whole input in one piece with every call; it is taken together, with EDGE_DONE. The
 *    state stays small, and this is the faster way.
 */

size_t edge_rle_encoder_size(const edge_image *image, int whole_input);
edge_result edge_rle_encode_begin(void *state, size_t size, const edge_image *image, int whole_input);
edge_result edge_rle_encode(void *state, edge_io *io);

/* Room for output with which one call codes any such image, and does so at its fastest; 0 where there is none. */
size_t edge_rle_encoded_limit(const edge_image *image);

/* `image` says what the data set says: an RLE stream does not know its own size. */
size_t edge_rle_decoder_size(const edge_image *image, int whole_input);
edge_result edge_rle_decode_begin(void *state, size_t size, const edge_image *image, int whole_input);
edge_result edge_rle_decode(void *state, edge_io *io);

/* ------------------------------------------------- JPEG Lossless, Huffman (T.81 Process 14; DICOM .57 and .70 SV1)
 *
 * Samples of 2 to 16 bits, 1 to 4 components. Pixels that lie side by side become one interleaved scan, planar ones a
 * scan for each component; every component has a Huffman table of its own.
 *
 * The precision P of the stream is bits_stored (at least 2), except that signed samples of 16 bits allocated are
 * written with P = 16: there differences wrap, so that -1 and 0 stay neighbours, and every reader finds the sign.
 */

/* How often each category (SSSS, 0 to 16) occurred, for each component: what Huffman tables are made of. */
typedef struct edge_jpeg_lossless_statistics {
    uint32_t counts[4][17];
} edge_jpeg_lossless_statistics;

typedef struct edge_jpeg_lossless_options {
    uint8_t predictor;       /* 1 to 7 (T.81 table H.1); 1 makes an SV1 stream */
    uint8_t point_transform; /* low bits to drop: 0 is lossless */
    uint8_t passes;          /* 2: the best tables, the first pass counts; 1: tables from `statistics`, pixels stream
                                through; 0: 2 where the state has the size for it, otherwise 1 */
    uint8_t whole_input;     /* 1: the caller gives all pixels in one piece with every call, and they are taken
                                together, with EDGE_DONE: two passes then need no state that holds the frame */
    uint32_t restart_rows;   /* rows between restart markers; 0: no restart markers */
} edge_jpeg_lossless_options;

/* Octets of state for the passes that the options name; with passes = 0, for two. */
size_t edge_jpeg_lossless_encoder_size(const edge_image *image, const edge_jpeg_lossless_options *options);

/* statistics: of a similar frame, for one pass; NULL: tables that suit most images. Any counts do: none is fatal. */
edge_result edge_jpeg_lossless_encode_begin(void *state, size_t size, const edge_image *image,
                                            const edge_jpeg_lossless_options *options,
                                            const edge_jpeg_lossless_statistics *statistics);
edge_result edge_jpeg_lossless_encode(void *state, edge_io *io);

/* The statistics of the frame that an encoder has finished, for the next one: EDGE_DONE, or EDGE_BAD_STATE. */
edge_result edge_jpeg_lossless_encoded_statistics(const void *state, edge_jpeg_lossless_statistics *statistics);

/*
 * `image` bounds the streams that the state can take: columns and components, and with `holds_frame` rows; its
 * bits_allocated and is_signed say how the samples are wanted: 0 bits allocated are 8 where P allows and otherwise 16;
 * signed samples are extended from bits_stored, or from P where bits_stored is 0.
 *
 * holds_frame = 0: the pixels come out as the stream has them: side by side from one interleaved scan, planar from a
 * scan for each component in order; any other order of scans is EDGE_UNSUPPORTED_SCANS.
 * holds_frame = 1: any order of scans; the pixels come out as image->planar asks, behind the last scan.
 */
size_t edge_jpeg_lossless_decoder_size(const edge_image *image, int holds_frame);
edge_result edge_jpeg_lossless_decode_begin(void *state, size_t size, const edge_image *image, int holds_frame);
edge_result edge_jpeg_lossless_decode(void *state, edge_io *io);

/* What the stream's pixels look like, once known: EDGE_DONE, or EDGE_NEEDS_INPUT. bits_stored becomes P. */
edge_result edge_jpeg_lossless_decoded_image(const void *state, edge_image *image);

/* ---------------------------------------------------------------------------- JPEG-LS (T.87; DICOM .80 and .81)
 *
 * Samples of 2 to 16 bits, 1 to 4 components, lossless or with no sample off by more than `near`. Pixels stream through
 * by the line in both directions.
 *
 * Signs: a JPEG-LS stream carries none. Signed samples are written as their lowest bits_stored bits, and who reads them
 * extends the sign from there: here, where the image given to the decoder is_signed. So -1 stands far from 0 in the
 * stream; that costs some octets, and near-lossless would err by whole turns: signed with near > 0 is EDGE_BAD_OPTION.
 */

enum {
    EDGE_JPEG_LS_FIT = 0,    /* sample where pixels lie side by side, none where they are planar */
    EDGE_JPEG_LS_LINE = 1,   /* a line of each component in turn; pixels lie side by side. About 1 % smaller and
                                quicker to encode; sample is quicker to decode: no component waits for another */
    EDGE_JPEG_LS_SAMPLE = 2, /* pixel by pixel; pixels lie side by side */
    EDGE_JPEG_LS_NONE = 3    /* a scan for each component; pixels are planar */
};

typedef struct edge_jpeg_ls_options {
    uint8_t near;         /* how far a sample may be off: 0 is lossless; at most 255 and half of maxval */
    uint8_t interleave;   /* EDGE_JPEG_LS_...: how components share a scan; one component has no choice */
    uint8_t explicit_lse; /* 1: write the coding parameters even where they are the default ones (some readers fail on
                             more than 12 bits otherwise); they are written anyhow where they are not */
    uint16_t maxval;      /* the coding parameters of T.87 C.2.4.1.1; 0 is the default of each */
    uint16_t t1;
    uint16_t t2;
    uint16_t t3;
    uint16_t reset;
    uint32_t restart_rows; /* rows between restart markers, so that each such stripe can be decoded alone; 0: none */
    uint8_t sampling[4];   /* each component's H * 16 + V; all 0 for components of one size. Otherwise planar, by line:
                              the lines of all components are given in the order of T.87 C.2.3.1: V of each in turn */
} edge_jpeg_ls_options;

size_t edge_jpeg_ls_encoder_size(const edge_image *image, const edge_jpeg_ls_options *options);
edge_result edge_jpeg_ls_encode_begin(void *state, size_t size, const edge_image *image,
                                      const edge_jpeg_ls_options *options);
edge_result edge_jpeg_ls_encode(void *state, edge_io *io);

/*
 * `image` bounds the streams that the state can take by columns and components; rows are not bounded. Its
 * bits_allocated and is_signed say how the samples are wanted: 0 bits allocated are 8 where the stream's depth allows
 * and otherwise 16; signed samples are extended from bits_stored, or from the stream's depth where bits_stored is 0.
 *
 * Pixels come out as the stream has them: side by side from one interleaved scan, planar from a scan for each
 * component in order; any other order of scans is EDGE_UNSUPPORTED_SCANS. Components of different sizes are
 * EDGE_UNSUPPORTED_SAMPLING unless `takes_sampling` is 1; then their lines come out in the order of the stream.
 * Mapping tables (palettes) are EDGE_UNSUPPORTED where a scan uses them.
 */
size_t edge_jpeg_ls_decoder_size(const edge_image *image);
edge_result edge_jpeg_ls_decode_begin(void *state, size_t size, const edge_image *image, int takes_sampling);
edge_result edge_jpeg_ls_decode(void *state, edge_io *io);

/* What the stream's pixels look like, once known: EDGE_DONE, or EDGE_NEEDS_INPUT. bits_stored becomes the depth. */
edge_result edge_jpeg_ls_decoded_image(const void *state, edge_image *image);

/* Samples of a line and lines of a component (0 to 3), once known: EDGE_DONE, EDGE_NEEDS_INPUT or EDGE_BAD_OPTION. */
edge_result edge_jpeg_ls_decoded_component(const void *state, int component, uint32_t *columns, uint32_t *rows);

/* How far samples may be off in this stream, once known; 0 is lossless. EDGE_DONE, or EDGE_NEEDS_INPUT. */
edge_result edge_jpeg_ls_decoded_near(const void *state, int *near);

/* Name the instructions used on this processor: "avx2", "sse2", "neon" or "scalar". All give the same. */
const char *edge_jpeg_ls_way(void);

#endif
