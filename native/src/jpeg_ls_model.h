/*
 * The model of JPEG-LS (T.87 Annex A): its parameters, its contexts, and the ways to code lines with them.
 *
 * A sample is predicted from its neighbours a (left), b (above), c (above left) and d (above right); the gradients d-b,
 * b-c and c-a choose one of 365 contexts; each context corrects its predictions by C and codes what is left with a
 * Golomb code whose k it keeps adapting. Where all gradients are (nearly) 0 a run of equal samples is coded instead.
 *
 * Two sets of functions do this. The `exact` ones are for lossless streams of full range with the usual RESET and
 * thresholds, which nearly all are; they are what is fast. The `general` ones take every parameter the standard has.
 */

#ifndef EDGE_JPEG_LS_MODEL_H
#define EDGE_JPEG_LS_MODEL_H

#include "bits.h"
#include "edge_codec.h"

#define JLS_CONTEXTS 365
#define JLS_COMPONENTS 4
#define JLS_PAD 32      /* samples on either side of a line, which vectors may touch */
#define JLS_BLOCK 256   /* samples that are looked at before they are coded */
#define JLS_REACH 1024  /* differences beyond are all quantised alike by the exact functions */
#define JLS_USUAL_RESET 64
#define JLS_RARE_ZEROS 17   /* the fewest that may begin an escape code, and more than other codes begin with */
#define JLS_MOST_A (1u << 24) /* more than a right stream can come to */

/* Compiled with EDGE_COMPACT defined, functions are not copied into each that calls them: slower, and compiled in a
   small part of the time, which a sanitizer otherwise makes minutes of. */
#if defined(__GNUC__)
#ifdef EDGE_COMPACT
#define JLS_INLINE static inline
#else
#define JLS_INLINE static inline __attribute__((always_inline))
#endif
#define JLS_RARELY(condition) __builtin_expect(!!(condition), 0)
/* Have the number before what is written behind this: compilers put sums together again in an order of their own. */
#define JLS_FIRST(number) __asm__("" : "+r"(number))
#else
#error "gcc or clang: their built-in functions stand for the bit instructions"
#endif

/* What a stream says of its coding (T.87 C.2.4.1.1); 0 stands for the default. */
typedef struct jls_presets {
    uint16_t maxval, t1, t2, t3, reset;
} jls_presets;

typedef struct jls_context {
    uint32_t a;
    int32_t b;
    int16_t c;
    uint16_t n;
} jls_context;

/* The same for the exact functions, with the k that follows from a and n. */
typedef struct jls_exact_context {
    uint32_t a;
    int8_t b, c;
    uint8_t n, k;
} jls_exact_context;

typedef struct jls_exact_contexts {
    jls_exact_context contexts[JLS_CONTEXTS];
    uint8_t signed_room[2 * JLS_CONTEXTS + 2]; /* for the decoder: 32 - k by the signed number, at JLS_CONTEXTS + q */
    uint32_t parts[JLS_USUAL_RESET + 1]; /* jls_parts, where it can be had without an address of its own */
    int8_t quantised[2 * JLS_REACH];     /* of a difference, at JLS_REACH + difference */
} jls_exact_contexts;

typedef struct jls_run_context {
    uint32_t a, n, negative;
} jls_run_context;

typedef struct jls_model {
    int32_t maxval, near, step, range, qbpp, limit, t1, t2, t3, reset;
    uint32_t reciprocal; /* 2^32 / step, rounded up */
    uint8_t bits;        /* of maxval, at least 2 */
    uint8_t is_exact;
    uint8_t run_index[JLS_COMPONENTS];
    jls_run_context runs[2];
    union {
        jls_context general[JLS_CONTEXTS];
        jls_exact_contexts exact;
    } contexts;
} jls_model;

/* Set the parameters; 0 where the standard does not allow them. */
int jls_model_set(jls_model *model, int precision, int near, const jls_presets *presets);
/* What the presets are where they are the default, for this maxval. */
jls_presets jls_default_presets(int32_t maxval, int32_t near);
/* Begin a scan, or a restart interval. */
void jls_model_restart(jls_model *model);

/* J of T.87 A.7.1.2. */
static const uint8_t jls_run_bits[32] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,  2,  3,  3,  3,  3,
                                         4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* 2 to the power of each J before this one, added up. */
static const uint32_t jls_run_sums[32] = {0,   1,   2,   3,   4,   6,    8,    10,   12,   16,    20,
                                          24,  28,  36,  44,  52,  60,   76,   92,   124,  156,   220,
                                          284, 412, 540, 796, 1308, 2332, 4380, 8476, 16668, 33052};

/* A little less than 2^32 / n: x * jls_parts[n] >> 32 is (x - 1) / n, and 0 for x = 0, while x * n < 2^32. */
#define JLS_PART(n) (0xFFFFFFFFu / (n))
#define JLS_PARTS(n)                                                                                            \
    JLS_PART(n), JLS_PART((n) + 1u), JLS_PART((n) + 2u), JLS_PART((n) + 3u), JLS_PART((n) + 4u),                \
        JLS_PART((n) + 5u), JLS_PART((n) + 6u), JLS_PART((n) + 7u)
static const uint32_t jls_parts[JLS_USUAL_RESET + 1] = {
    0,             JLS_PARTS(1),  JLS_PARTS(9),  JLS_PARTS(17), JLS_PARTS(25),
    JLS_PARTS(33), JLS_PARTS(41), JLS_PARTS(49), JLS_PARTS(57),
};

/* Bits without stuffing: less than 8 wait between two codes. */
typedef struct jls_pen {
    uint64_t waiting;
    uint32_t count;
    uint8_t *at;
} jls_pen;

/* Bits without stuffing. Behind the last octet lie 64 that may be read. */
typedef struct jls_tape {
    const uint8_t *octets;
    uint64_t at;   /* bits read */
    uint64_t stop; /* do not begin a code here or behind */
} jls_tape;

/*
 * One way to code. The lines have JLS_PAD octets around them; those of a pixel's components lie side by side in
 * memory, `stride` samples apart. Encoding goes on for at most a block and returns where it stands; the pen needs room
 * for JLS_PEN_ROOM. Decoding returns where it stands when the line is full or the tape stops; a line begun is gone on
 * with at `from`. `damage` collects bits that are never set in a stream that is right.
 */
#define JLS_PEN_ROOM (JLS_BLOCK * 9 + 96)

typedef struct jls_way {
    const char *name;
    /* Samples between the caller's octets and a line; `pitch` octets lie between two samples of the caller's. `in` is
       for the encoder: it returns the bits that are too many, once `half` has been added (0, or for signed samples). */
    uint32_t (*in_8)(uint16_t *line, const uint8_t *in, uint32_t count, size_t pitch, uint32_t mask, uint32_t half);
    uint32_t (*in_16)(uint16_t *line, const uint8_t *in, uint32_t count, size_t pitch, uint32_t mask, uint32_t half);
    void (*in_rgb)(uint16_t *const lines[3], const uint8_t *in, uint32_t count);
    void (*out_8)(uint8_t *out, const uint16_t *line, uint32_t count, size_t pitch, uint32_t mask, uint32_t half);
    void (*out_16)(uint8_t *out, const uint16_t *line, uint32_t count, size_t pitch, uint32_t mask, uint32_t half);
    void (*out_rgb)(uint8_t *out, const uint16_t *const lines[3], uint32_t count);
    uint32_t (*encode_line)(jls_model *, const uint16_t *above, const uint16_t *line, uint32_t from, uint32_t width,
                            int component, jls_pen *);
    uint32_t (*encode_pixels)(jls_model *, const uint16_t *above, const uint16_t *lines, size_t stride,
                              uint32_t from, uint32_t width, int components, jls_pen *);
    uint32_t (*encode_line_general)(jls_model *, const uint16_t *above, uint16_t *line, uint32_t from,
                                    uint32_t width, int component, jls_pen *);
    uint32_t (*encode_pixels_general)(jls_model *, const uint16_t *above, uint16_t *lines, size_t stride,
                                      uint32_t from, uint32_t width, int components, jls_pen *);
    uint32_t (*decode_line)(jls_model *, const uint16_t *above, uint16_t *line, uint32_t from, uint32_t width,
                            int component, jls_tape *, uint32_t *damage);
    uint32_t (*decode_pixels)(jls_model *, const uint16_t *above, uint16_t *lines, size_t stride, uint32_t from,
                              uint32_t width, int components, jls_tape *, uint32_t *damage);
    uint32_t (*decode_line_general)(jls_model *, const uint16_t *above, uint16_t *line, uint32_t from, uint32_t width,
                                    int component, jls_tape *, uint32_t *damage);
    uint32_t (*decode_pixels_general)(jls_model *, const uint16_t *above, uint16_t *lines, size_t stride,
                                      uint32_t from, uint32_t width, int components, jls_tape *, uint32_t *damage);
} jls_way;

const jls_way *jls_best_way(void);

#endif
