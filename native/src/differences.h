/*
 * Differences of samples to their predictions (T.81 H.1), how long they are, and the bits they become: the three inner
 * loops of lossless JPEG coding, each in the fastest way this processor has.
 */

#ifndef EDGE_DIFFERENCES_H
#define EDGE_DIFFERENCES_H

#include "huffman.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DIFFERENCES_MOST = 768,                           /* at a time: a multiple of 16 pixels of 1 to 4 components */
    DIFFERENCES_BITS = DIFFERENCES_MOST * 31 / 8 + 40 /* octets that their bits take, and that may be written */
};

/*
 * Samples to be coded become 16-bit ones: of `octets` octets (1 or 2) each, reduced to `keep`, the bit `sign` extended
 * upwards (0: none), reduced to `mask`, and shifted down. All in 16-bit arithmetic.
 */
typedef struct sample_form {
    uint8_t octets;
    uint8_t shift;
    uint16_t keep, sign, mask;
} sample_form;

/* Write `count` samples. */
void edge_samples_take(const sample_form *form, const uint8_t *samples, size_t count, uint16_t *taken);

/* The bits by which any of `count` samples of 1 or 2 octets, plus `half`, exceeds: their or, reduced to `above`. */
uint16_t edge_samples_excess(const uint8_t *samples, size_t octets, size_t count, uint16_t half, uint16_t above);

/*
 * The differences of `count` 16-bit samples at `row` (any alignment), by predictor 1 to 7. The left neighbour is `step`
 * octets before each sample, and the row above at `above`, with its left neighbours.
 */
void edge_differences(unsigned predictor, const uint8_t *row, const uint8_t *above, size_t step, size_t count,
                      uint16_t *differences);

/* Counts of categories, not yet summed up. */
typedef struct category_counts {
    uint64_t sums[4][HUFFMAN_CATEGORIES];
    uint16_t vectors; /* how many each lane has counted */
    uint16_t lanes[4][16][16];
} category_counts;

/*
 * Count up to DIFFERENCES_MOST differences of `components` taken in turn, from the first. Destroys `differences`.
 * edge_categories_sum adds up what is still in the lanes.
 */
void edge_categories_count(uint16_t *differences, size_t count, size_t components, category_counts *counts);
void edge_categories_sum(size_t components, category_counts *counts);

/* Bits that do not make an octet yet: `fill` of them (0 to 7), at the top. */
typedef struct bit_end {
    uint64_t bits;
    unsigned fill;
} bit_end;

/*
 * Write the codes of up to DIFFERENCES_MOST differences of `components` taken in turn, each with its own code (or one
 * for all: components = 1). Without stuffing. Returns the octets written; DIFFERENCES_BITS must have room.
 */
size_t edge_differences_write(const uint16_t *differences, size_t count, const huffman_code *codes, size_t components,
                              bit_end *end, uint8_t *octets);

#endif
