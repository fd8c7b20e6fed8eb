/* Make the best Huffman code for given counts, as T.81 K.2 does: with one more symbol, so that no code is all ones. */

#include "huffman.h"

#include <string.h>

enum { SYMBOLS = HUFFMAN_CATEGORIES + 1 }; /* the last is reserved for the code of all ones */

/* Lengths of the unlimited code: merge the two rarest trees until there is one. */
static void grow(const uint64_t *counts, uint8_t *lengths)
{
    uint64_t weight[SYMBOLS];
    uint32_t members[SYMBOLS]; /* symbols of the tree, as bits */

    for (unsigned i = 0; i < SYMBOLS; i++) {
        weight[i] = i < HUFFMAN_CATEGORIES ? counts[i] : 1;
        members[i] = UINT32_C(1) << i;
        lengths[i] = 0;
    }
    for (;;) {
        unsigned rarest = SYMBOLS, second = SYMBOLS;
        for (unsigned i = SYMBOLS; i-- > 0;) {
            if (weight[i] == 0)
                continue;
            if (rarest == SYMBOLS || weight[i] < weight[rarest]) {
                second = rarest;
                rarest = i;
            } else if (second == SYMBOLS || weight[i] < weight[second]) {
                second = i;
            }
        }
        if (second == SYMBOLS)
            return;
        weight[rarest] += weight[second];
        weight[second] = 0;
        members[rarest] |= members[second];
        for (unsigned i = 0; i < SYMBOLS; i++)
            lengths[i] = (uint8_t)(lengths[i] + (members[rarest] >> i & 1u));
    }
}

void edge_huffman_make(const uint64_t *counts, huffman_code *code)
{
    uint8_t lengths[SYMBOLS], of_length[SYMBOLS + 1] = {0};

    memset(code, 0, sizeof *code);
    grow(counts, lengths);
    for (unsigned i = 0; i < SYMBOLS; i++)
        if (lengths[i] > 0) {
            of_length[lengths[i]]++;
            code->count = (uint8_t)(code->count + (i < HUFFMAN_CATEGORIES));
        }

    /* Too long ones go up in pairs: one takes their common prefix, the other shares a shorter leaf (figure K.3). */
    for (unsigned i = SYMBOLS; i > HUFFMAN_LONGEST; i--)
        while (of_length[i] > 0) {
            unsigned shorter = i - 2;
            while (of_length[shorter] == 0)
                shorter--;
            of_length[i] = (uint8_t)(of_length[i] - 2);
            of_length[i - 1]++;
            of_length[shorter + 1] = (uint8_t)(of_length[shorter + 1] + 2);
            of_length[shorter]--;
        }
    for (unsigned i = HUFFMAN_LONGEST; i > 0; i--)
        if (of_length[i] > 0) { /* the reserved symbol has the longest code */
            of_length[i]--;
            break;
        }

    /* The lengths go to the symbols in the order of their unlimited ones, then the codes are counted up. */
    unsigned place = 0;
    for (unsigned length = 1; length <= SYMBOLS; length++)
        for (unsigned i = 0; i < HUFFMAN_CATEGORIES; i++)
            if (lengths[i] == length)
                code->values[place++] = (uint8_t)i;
    place = 0;
    uint32_t next = 0;
    for (unsigned length = 1; length <= HUFFMAN_LONGEST; length++, next <<= 1)
        for (unsigned k = 0; k < of_length[length]; k++) {
            const unsigned category = code->values[place++];
            code->lengths[category] = (uint8_t)length;
            code->codes[category] = (uint16_t)next++;
        }
    memcpy(code->of_length, of_length, sizeof code->of_length);
}

uint64_t edge_huffman_cost(const uint64_t *counts, const huffman_code *code)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < HUFFMAN_CATEGORIES; i++)
        bits += counts[i] * (code->lengths[i] + (i < 16 ? i : 0u));
    return bits;
}
