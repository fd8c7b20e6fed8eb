/* Read the Huffman codes of lossless JPEG: bits in, differences out, several at a time. */

#ifndef EDGE_LOSSLESS_CODES_H
#define EDGE_LOSSLESS_CODES_H

#include <stddef.h>
#include <stdint.h>

/* A Huffman table as a DHT segment defines it. */
typedef struct code_table {
    uint8_t is_defined;
    uint16_t first[17];  /* of each length: which place its first code has in `values`... */
    uint32_t limit[18];  /* ... and the first code that is longer, as 16 bits from the left */
    uint8_t values[256]; /* categories; more than 16 are none */
} code_table;

/* Take the counts of the lengths 1 to 16, and the values. Returns 0 where no code can have such lengths. */
int edge_codes_define(code_table *table, const uint8_t *counts, const uint8_t *values);

enum {
    CODES_WINDOW = 11, /* bits looked up at once, at most */
    CODES_AHEAD = 16,  /* differences that may be written beyond those that were wanted, with anything */
};

/* Octets of tables that reading `tables` different ones in turn takes. */
static inline size_t codes_octets(size_t tables)
{
    return tables == 1 ? sizeof(uint64_t) << CODES_WINDOW : tables << 10 << 3;
}

/* What reading needs: the tables of a scan's components and, in `entries`, what they say about every window. */
typedef struct code_reader {
    uint32_t tables; /* that are different, in turn; 1 where all components have the same */
    uint32_t window; /* bits */
    uint32_t next;   /* which table comes */
    uint8_t is_noisy; /* differences are read one by one */
    const code_table *of[4];
} code_reader;

/* Unstuffed octets; `bits` has `count` bits from the left, and below them nothing or what follows anyway. */
typedef struct bit_source {
    const uint8_t *at, *end;
    uint64_t bits;
    unsigned count;
} bit_source;

typedef enum codes_result { CODES_ENOUGH, CODES_HUNGRY, CODES_BAD } codes_result;

/* `components` tables; `entries` has room for codes_octets(components). */
void edge_codes_prepare(code_reader *reader, const code_table *const *tables, size_t components, uint64_t *entries);

/*
 * Read differences until there are `wanted`, or (if `is_rough`) as many of them as are read fast. `have` counts them.
 * CODES_HUNGRY: the octets are used up, and what is left of them is less than a code.
 */
codes_result edge_codes_read(code_reader *reader, const uint64_t *entries, bit_source *source, uint16_t *differences,
                             size_t *have, size_t wanted, int is_rough);

#endif
