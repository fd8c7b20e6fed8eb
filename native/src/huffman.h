/* Huffman codes of the 17 categories of lossless JPEG differences (T.81 annexes C, H and K). */

#ifndef EDGE_HUFFMAN_H
#define EDGE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

enum {
    HUFFMAN_CATEGORIES = 17, /* SSSS 0 to 16 */
    HUFFMAN_LONGEST = 16,
};

/* A code for each category that has a length; and the same as a DHT segment lists it. */
typedef struct huffman_code {
    uint8_t lengths[HUFFMAN_CATEGORIES];
    uint16_t codes[HUFFMAN_CATEGORIES];
    uint8_t of_length[HUFFMAN_LONGEST + 1]; /* how many codes there are of each length, from 1 */
    uint8_t values[HUFFMAN_CATEGORIES];     /* categories, shortest codes first */
    uint8_t count;
} huffman_code;

/* The code that costs least for such counts, none longer than 16 bits and none all ones. */
void edge_huffman_make(const uint64_t *counts, huffman_code *code);

/* The bits that so many differences take, codes and the bits behind them. */
uint64_t edge_huffman_cost(const uint64_t *counts, const huffman_code *code);

#endif
