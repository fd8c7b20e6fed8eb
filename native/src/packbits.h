/* PackBits as PS3.5 G.3 has it: packets of up to 128 octets, literal or repeated. */

#ifndef EDGE_PACKBITS_H
#define EDGE_PACKBITS_H

#include <stddef.h>
#include <stdint.h>

enum {
    PACKBITS_BLOCK = 3584,  /* the most octets that are packed at once */
    PACKBITS_PACKET = 129,  /* the most octets of a packet */
    PACKBITS_LONGEST = 128, /* the most octets that a packet stands for */
    PACKBITS_SLACK = 128,   /* octets behind the end of packets that may be written, with anything */
};

/* The most octets that packing `count` takes. */
static inline size_t packbits_limit(size_t count)
{
    return count + (count + PACKBITS_LONGEST - 1) / PACKBITS_LONGEST;
}

/* Pack 1 to PACKBITS_BLOCK octets into packbits_limit(count) + PACKBITS_SLACK; return how many it took. */
size_t edge_packbits_pack(const uint8_t *octets, size_t count, uint8_t *packets);

/* Where unpacking stands in one sequence of packets, and in the octets that come out of it. */
typedef struct packbits_cursor {
    const uint8_t *packets;
    size_t length, at; /* octets of packets, and how many of them are done with */
    uint8_t *octets;   /* room for wanted + PACKBITS_LONGEST */
    size_t have, wanted;
} packbits_cursor;

/*
 * Unpack whole packets until there are `wanted` octets or more, at most PACKBITS_LONGEST - 1 more, or until the packets
 * end or the next is not whole. Each of 1 to 3 sequences on its own; together they take less time than in turn.
 */
void edge_packbits_unpack(packbits_cursor *cursors, size_t count);

#endif
