/*
 * Sequential JPEG of 12 bits (T.81 Process 4, DICOM .51), which the libjpeg-turbo of Debian 12 lacks: Huffman codes,
 * baseline's scans, quantisation tables of 8 or 16 bits, and an inverse DCT in double precision, rounded to nearest.
 * Components may be subsampled; they are spread by repeating. Nothing is guessed: what is broken is an error.
 */

#ifndef EDGE_BOUND_JPEG12_H
#define EDGE_BOUND_JPEG12_H

#include "samples.h"

#include <math.h>
#include <stdlib.h>

typedef struct edge12_table {
    int32_t most[18];    /* the greatest code of each length, as a number; -1 where there is none */
    int32_t offset[17];  /* what to add to a code of that length for its place in `values` */
    uint8_t values[256];
    int is_there;
} edge12_table;

typedef struct edge12_component {
    uint8_t id, across, down, quantiser;
    uint8_t dc, ac;
    uint32_t wide, high;         /* in blocks, whole MCUs */
    uint32_t own_wide, own_high; /* in blocks, of a scan of its own */
    int32_t before;              /* the DC of the block before */
    int16_t *samples;
} edge12_component;

typedef struct edge12 {
    const uint8_t *at, *end;
    uint32_t columns, rows, interval;
    unsigned count, across, down;
    edge12_component components[4];
    edge12_table dc[4], ac[4];
    uint16_t quantisers[4][64];
    uint8_t has_quantiser[4];
    double cosines[8][8];
    uint64_t bits;
    unsigned bit_count;
    const char *wrong;
} edge12;

static const uint8_t edge12_order[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                         12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                         35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                         58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static int edge12_fail(edge12 *it, const char *words)
{
    if (it->wrong == NULL)
        it->wrong = words;
    return 0;
}

/* ---------------------------------------------------------------------------------------------- bits and codes */

static int edge12_fill(edge12 *it, unsigned wanted)
{
    while (it->bit_count < wanted) {
        unsigned octet;
        if (it->end - it->at < 2 || (it->at[0] == 0xFF && it->at[1] != 0))
            return edge12_fail(it, "a scan ends before its blocks do");
        octet = it->at[0];
        it->at += octet == 0xFF ? 2 : 1;
        it->bits = it->bits << 8 | octet;
        it->bit_count += 8;
    }
    return 1;
}

static int edge12_receive(edge12 *it, unsigned count, int32_t *value)
{
    uint32_t raw;
    *value = 0;
    if (count == 0)
        return 1;
    if (!edge12_fill(it, count))
        return 0;
    it->bit_count -= count;
    raw = (uint32_t)(it->bits >> it->bit_count) & ((1u << count) - 1);
    *value = raw >> (count - 1) ? (int32_t)raw : (int32_t)raw - (int32_t)((1u << count) - 1);
    return 1;
}

static int edge12_code(edge12 *it, const edge12_table *table, unsigned *value)
{
    int32_t code = 0;
    unsigned length;
    for (length = 1; length <= 16; length++) {
        if (!edge12_fill(it, 1))
            return 0;
        it->bit_count--;
        code = code << 1 | (int32_t)(it->bits >> it->bit_count & 1);
        if (code <= table->most[length]) {
            *value = table->values[(code + table->offset[length]) & 255];
            return 1;
        }
    }
    return edge12_fail(it, "a scan has bits that are no code");
}

/* ------------------------------------------------------------------------------------------------------ blocks */

static void edge12_transform(const edge12 *it, const int32_t *from, int16_t *to, size_t pitch)
{
    double half[64];
    unsigned u, v, x, y;
    for (v = 0; v < 8; v++)
        for (x = 0; x < 8; x++) {
            double sum = 0;
            for (u = 0; u < 8; u++)
                sum += it->cosines[u][x] * from[8 * v + u];
            half[8 * v + x] = sum;
        }
    for (y = 0; y < 8; y++)
        for (x = 0; x < 8; x++) {
            double sum = 2048.5;
            for (v = 0; v < 8; v++)
                sum += it->cosines[v][y] * half[8 * v + x];
            to[y * pitch + x] = (int16_t)(sum < 0 ? 0 : sum >= 4095 ? 4095 : floor(sum));
        }
}

static int edge12_block(edge12 *it, edge12_component *part, uint32_t across, uint32_t down)
{
    const uint16_t *quantiser = it->quantisers[part->quantiser];
    int32_t block[64], value;
    unsigned code, place;
    memset(block, 0, sizeof block);
    if (!edge12_code(it, &it->dc[part->dc], &code))
        return 0;
    if (code > 15)
        return edge12_fail(it, "a difference of DC is out of its range");
    if (!edge12_receive(it, code, &value))
        return 0;
    part->before += value;
    if (part->before < -32768 || part->before > 32767)
        return edge12_fail(it, "a DC coefficient is out of its range");
    block[0] = part->before * quantiser[0];
    for (place = 1; place < 64; place++) {
        if (!edge12_code(it, &it->ac[part->ac], &code))
            return 0;
        if ((code & 15) == 0) {
            if (code != 0xF0)
                break;
            place += 15;
            continue;
        }
        place += code >> 4;
        if (place > 63)
            return edge12_fail(it, "a block has more than 64 coefficients");
        if (!edge12_receive(it, code & 15, &value))
            return 0;
        block[edge12_order[place]] = value * quantiser[place];
    }
    edge12_transform(it, block, part->samples + (size_t)down * 8 * part->wide * 8 + (size_t)across * 8,
                     (size_t)part->wide * 8);
    return 1;
}

static int edge12_restart(edge12 *it, edge12_component **parts, unsigned count, unsigned number)
{
    unsigned each;
    it->bit_count = 0;
    while (it->end - it->at > 2 && it->at[0] == 0xFF && it->at[1] == 0xFF)
        it->at++;
    if (it->end - it->at < 2 || it->at[0] != 0xFF || it->at[1] != 0xD0 + number % 8)
        return edge12_fail(it, "a restart marker is missing");
    it->at += 2;
    for (each = 0; each < count; each++)
        parts[each]->before = 0;
    return 1;
}

static int edge12_scan(edge12 *it, edge12_component **parts, unsigned count)
{
    uint32_t wide = (it->columns + 8 * it->across - 1) / (8 * it->across), mcu, mcus;
    unsigned each, x, y;
    mcus = wide * ((it->rows + 8 * it->down - 1) / (8 * it->down));
    if (count == 1) {
        wide = parts[0]->own_wide;
        mcus = wide * parts[0]->own_high;
    }
    it->bit_count = 0;
    for (each = 0; each < count; each++)
        parts[each]->before = 0;
    for (mcu = 0; mcu < mcus; mcu++) {
        if (it->interval != 0 && mcu != 0 && mcu % it->interval == 0 &&
            !edge12_restart(it, parts, count, mcu / it->interval - 1))
            return 0;
        if (count == 1) {
            if (!edge12_block(it, parts[0], mcu % wide, mcu / wide))
                return 0;
            continue;
        }
        for (each = 0; each < count; each++)
            for (y = 0; y < parts[each]->down; y++)
                for (x = 0; x < parts[each]->across; x++)
                    if (!edge12_block(it, parts[each], mcu % wide * parts[each]->across + x,
                                      mcu / wide * parts[each]->down + y))
                        return 0;
    }
    it->bit_count = 0;
    return 1;
}

/* ---------------------------------------------------------------------------------------------------- segments */

static int edge12_quantisers(edge12 *it, const uint8_t *at, size_t left)
{
    while (left > 0) {
        unsigned wide = at[0] >> 4, which = at[0] & 15, i;
        size_t length = 1 + 64 * (size_t)(wide + 1);
        if (wide > 1 || which > 3 || left < length)
            return edge12_fail(it, "a quantisation table is broken");
        for (i = 0; i < 64; i++)
            it->quantisers[which][i] = wide ? (uint16_t)(at[1 + 2 * i] << 8 | at[2 + 2 * i]) : at[1 + i];
        it->has_quantiser[which] = 1;
        at += length;
        left -= length;
    }
    return 1;
}

static int edge12_codes(edge12 *it, const uint8_t *at, size_t left)
{
    while (left > 0) {
        edge12_table *table;
        unsigned length, total = 0, which = at[0] & 15;
        int32_t code = 0;
        if (left < 17 || at[0] >> 4 > 1 || which > 3)
            return edge12_fail(it, "a Huffman table is broken");
        table = at[0] >> 4 ? &it->ac[which] : &it->dc[which];
        for (length = 1; length <= 16; length++) {
            unsigned here = at[length];
            table->offset[length] = (int32_t)total - code;
            table->most[length] = here ? code + (int32_t)here - 1 : -1;
            total += here;
            code = (code + (int32_t)here) << 1;
            if (total > 256 || code > 2 << length)
                return edge12_fail(it, "a Huffman table is impossible");
        }
        if (left < 17 + total)
            return edge12_fail(it, "a Huffman table is broken");
        memset(table->values, 0, sizeof table->values);
        memcpy(table->values, at + 17, total);
        table->is_there = 1;
        at += 17 + total;
        left -= 17 + total;
    }
    return 1;
}

static int edge12_frame(edge12 *it, const uint8_t *at, size_t left, const edge_bound_image *image)
{
    unsigned i;
    if (it->count != 0 || left < 6 || left != 6 + 3 * (size_t)at[5] || at[5] != image->components ||
        (at[1] << 8 | at[2]) != (int)image->rows || (at[3] << 8 | at[4]) != (int)image->columns)
        return edge12_fail(it, "its frame header is broken");
    it->rows = image->rows;
    it->columns = image->columns;
    it->count = at[5];
    for (i = 0; i < it->count; i++) {
        edge12_component *part = &it->components[i];
        part->id = at[6 + 3 * i];
        part->across = at[7 + 3 * i] >> 4;
        part->down = at[7 + 3 * i] & 15;
        part->quantiser = at[8 + 3 * i];
        if (part->across < 1 || part->across > 4 || part->down < 1 || part->down > 4 || part->quantiser > 3)
            return edge12_fail(it, "its frame header is broken");
        it->across = part->across > it->across ? part->across : it->across;
        it->down = part->down > it->down ? part->down : it->down;
    }
    for (i = 0; i < it->count; i++) {
        edge12_component *part = &it->components[i];
        uint32_t columns = (it->columns * part->across + it->across - 1) / it->across;
        uint32_t rows = (it->rows * part->down + it->down - 1) / it->down;
        part->own_wide = (columns + 7) / 8;
        part->own_high = (rows + 7) / 8;
        part->wide = (it->columns + 8 * it->across - 1) / (8 * it->across) * part->across;
        part->high = (it->rows + 8 * it->down - 1) / (8 * it->down) * part->down;
        part->samples = calloc((size_t)part->wide * part->high, 64 * sizeof *part->samples);
        if (part->samples == NULL)
            return edge12_fail(it, "memory");
    }
    return 1;
}

static int edge12_scan_head(edge12 *it, const uint8_t *at, size_t left, unsigned *seen)
{
    edge12_component *parts[4];
    unsigned count = left > 0 ? at[0] : 0, i, k, blocks = 0;
    if (it->count == 0 || count < 1 || count > it->count || left != 4 + 2 * (size_t)count)
        return edge12_fail(it, "the head of a scan is broken");
    for (i = 0; i < count; i++) {
        for (k = 0; k < it->count && it->components[k].id != at[1 + 2 * i]; k++)
            ;
        if (k == it->count || *seen & 1u << k)
            return edge12_fail(it, "a scan is of no component, or of one that was there");
        *seen |= 1u << k;
        parts[i] = &it->components[k];
        parts[i]->dc = at[2 + 2 * i] >> 4;
        parts[i]->ac = at[2 + 2 * i] & 15;
        if (parts[i]->dc > 3 || parts[i]->ac > 3 || !it->dc[parts[i]->dc].is_there ||
            !it->ac[parts[i]->ac].is_there || !it->has_quantiser[parts[i]->quantiser])
            return edge12_fail(it, "a scan uses a table that was never defined");
        blocks += (unsigned)parts[i]->across * parts[i]->down;
    }
    if (count > 1 && blocks > 10)
        return edge12_fail(it, "the head of a scan is broken");
    it->at += 4 + left; /* behind the marker, the length and the head */
    return edge12_scan(it, parts, count);
}

static int edge12_read(edge12 *it, const edge_bound_image *image)
{
    unsigned seen = 0;
    it->at += 2;
    for (;;) {
        unsigned marker;
        size_t left;
        while (it->end - it->at >= 2 && it->at[0] == 0xFF && it->at[1] == 0xFF)
            it->at++;
        if (it->end - it->at < 2 || it->at[0] != 0xFF)
            return edge12_fail(it, "it is truncated, or no marker stands where one must");
        marker = it->at[1];
        if (marker == 0xD9)
            return it->count != 0 && seen == (1u << it->count) - 1 ? 1 : edge12_fail(it, "a component is missing");
        if (it->end - it->at < 4)
            return edge12_fail(it, "it is truncated");
        left = (size_t)it->at[2] << 8 | it->at[3];
        if (left < 2 || left + 2 > (size_t)(it->end - it->at))
            return edge12_fail(it, "it is truncated, or a segment is broken");
        if (marker == 0xDA) {
            if (!edge12_scan_head(it, it->at + 4, left - 2, &seen))
                return 0;
            continue;
        }
        if ((marker == 0xDB && !edge12_quantisers(it, it->at + 4, left - 2)) ||
            (marker == 0xC4 && !edge12_codes(it, it->at + 4, left - 2)) ||
            (marker == 0xC1 && !edge12_frame(it, it->at + 4, left - 2, image)))
            return 0;
        if (marker == 0xDD)
            it->interval = left == 4 ? (uint32_t)it->at[4] << 8 | it->at[5] : 0;
        it->at += 2 + left;
    }
}

/* Decode a frame of 12 bits whose header has been held against the image. */
static edge_bound_result edge12_decode(const edge_bound_image *image, const uint8_t *coded, size_t octets,
                                       uint8_t *pixels, edge_words words)
{
    edge12 *it = calloc(1, sizeof *it);
    edge_bound_result result = EDGE_BOUND_DONE;
    unsigned u, x;
    if (it == NULL)
        return edge_say(words, EDGE_BOUND_NO_MEMORY, "there is no memory for a decoder of 12 bits");
    it->at = coded;
    it->end = coded + octets;
    for (u = 0; u < 8; u++)
        for (x = 0; x < 8; x++)
            it->cosines[u][x] = cos((2 * x + 1) * u * 3.14159265358979323846 / 16) * (u ? 0.5 : 0.35355339059327376);
    if (!edge12_read(it, image)) {
        result = strcmp(it->wrong, "memory") == 0
                     ? edge_say(words, EDGE_BOUND_NO_MEMORY, "there is no memory for the frame")
                     : edge_say(words, EDGE_BOUND_CORRUPT, "the JPEG stream of 12 bits: %s", it->wrong);
    } else {
        edge_range range = edge_range_of(image, 12, 0);
        size_t sample = image->bits_allocated / 8u, row = (size_t)image->columns * image->components * sample;
        uint32_t y, column;
        for (u = 0; u < it->count; u++)
            for (y = 0; y < image->rows; y++) {
                const edge12_component *part = &it->components[u];
                const int16_t *line = part->samples + (size_t)(y * part->down / it->down) * part->wide * 8;
                for (column = 0; column < image->columns; column++) {
                    int32_t value = line[column * part->across / it->across];
                    edge_store(&value, 1, pixels + y * row + (column * image->components + u) * sample, 1,
                               image->bits_allocated, range);
                }
            }
    }
    for (u = 0; u < 4; u++)
        free(it->components[u].samples);
    free(it);
    return result;
}

#endif
