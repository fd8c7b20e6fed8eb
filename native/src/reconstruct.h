/* Samples from differences: the predictions of T.81 H.1 undone. */

#ifndef EDGE_RECONSTRUCT_H
#define EDGE_RECONSTRUCT_H

#include <stddef.h>
#include <stdint.h>

/* How samples are handed out: shifted up, reduced to `keep`, the bit `sign` (0: none) extended upwards. */
typedef struct sample_output {
    uint16_t keep, sign;
    uint8_t shift;
    uint8_t octets; /* 1 or 2 */
} sample_output;

/* Where a row stands, for each component. All samples here are as they were coded, modulo 2^16 or less. */
typedef struct row_context {
    uint16_t left[4];
    uint16_t above_left[4];
    uint16_t mask; /* samples are modulo this plus 1 */
} row_context;

/*
 * Samples by predictor 1 from `count` differences of whole pixels; `above`, if not NULL, gets them too.
 * Writes count * output->octets octets.
 */
void edge_reconstruct_left(const uint16_t *differences, size_t count, size_t components, row_context *row,
                           uint16_t *above, const sample_output *output, uint8_t *samples);

/* The same by predictor 2 to 7; `above` has the row above from this pixel on, and gets this row. */
void edge_reconstruct(unsigned predictor, const uint16_t *differences, size_t count, size_t components,
                      row_context *row, uint16_t *above, const sample_output *output, uint8_t *samples);

#endif
