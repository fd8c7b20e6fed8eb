/*
 * What the fuzz targets share: a step called with pieces of input and output of many sizes, each in memory of exactly
 * its own size, so that a read or write beyond it is seen.
 */

#ifndef FUZZ_PIECES_H
#define FUZZ_PIECES_H

#include "edge_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef edge_result (*fuzz_step)(void *state, edge_io *io);

/* A small generator, so that the same input always gives the same pieces. */
typedef struct fuzz_dice {
    uint32_t value;
} fuzz_dice;

static inline uint32_t fuzz_roll(fuzz_dice *dice, uint32_t below)
{
    dice->value = dice->value * 1664525u + 1013904223u;
    return (dice->value >> 8) % below;
}

static inline void *fuzz_memory(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL)
        abort();
    return memory;
}

#define FUZZ_CHECK(truth)                                                                                     \
    do {                                                                                                      \
        if (!(truth)) {                                                                                       \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth);                               \
            abort();                                                                                          \
        }                                                                                                     \
    } while (0)

/*
 * Call `step` until it is done or fails, or has filled `room` octets and wants more. `whole`: all input in every call.
 * `most`: the largest piece. What comes out goes to `out` (NULL: nowhere), and its length to *given.
 */
static inline edge_result fuzz_run(fuzz_step step, void *state, const uint8_t *in, size_t length, int whole,
                                   size_t most, uint8_t *out, size_t room, size_t *given, fuzz_dice *dice)
{
    size_t at = 0;
    unsigned idle = 0;
    edge_result result = EDGE_NEEDS_INPUT;

    *given = 0;
    while (result > EDGE_DONE) {
        size_t in_piece = whole ? length : 1 + fuzz_roll(dice, (uint32_t)most);
        size_t out_piece = fuzz_roll(dice, 4) == 0 ? 0 : 1 + fuzz_roll(dice, (uint32_t)most);
        if (in_piece > length - at)
            in_piece = length - at;
        if (out_piece > room - *given)
            out_piece = room - *given;
        uint8_t *from = fuzz_memory(in_piece), *to = fuzz_memory(out_piece);
        if (in_piece > 0)
            memcpy(from, in + at, in_piece);
        edge_io io = {from, in_piece, to, out_piece, at + in_piece == length};
        result = step(state, &io);
        const size_t taken = in_piece - io.in_left, put = out_piece - io.out_left;
        FUZZ_CHECK(io.in_left <= in_piece && io.out_left <= out_piece);
        FUZZ_CHECK(io.in == from + taken && io.out == to + put);
        if (out != NULL && put > 0)
            memcpy(out + *given, to, put);
        at += taken;
        *given += put;
        free(from);
        free(to);
        /* A step that neither takes nor gives must want what it was not given. */
        idle = taken + put > 0 ? 0 : idle + 1;
        if (idle > 64) {
            FUZZ_CHECK(result == EDGE_NEEDS_OUTPUT && *given == room);
            break;
        }
        FUZZ_CHECK(!(result == EDGE_NEEDS_INPUT && at == length && in_piece == 0));
    }
    return result;
}

#endif
