/*
 * Decode lossless JPEG (T.81 Process 14) as a stream.
 *
 * The input goes through a stage: coded data without its stuffing, up to the next marker; marker segments as they are.
 * From the stage come differences, as many at a time as there is room for, whatever rows they belong to; from those,
 * rows or parts of rows go to the output or, where it has no room, wait.
 *
 * Predictor 1 needs nothing of the row above but its first pixel; for the others the state keeps a line.
 */

#include "bits.h"
#include "lossless_codes.h"
#include "reconstruct.h"
#include "state.h"
#include "stuffing.h"

enum {
    DECODER = 0x644A5645, /* what the state begins with */
    STAGE = 4096,
    DIFFERENCES = 1536, /* read at a time, more or less */
    WAITING = 2048,     /* octets of samples that wait for room */
};

enum {
    SOF0 = 0xC0,
    SOF3 = 0xC3,
    DHT = 0xC4,
    JPG = 0xC8,
    DAC = 0xCC,
    SOF15 = 0xCF,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DNL = 0xDC,
    DRI = 0xDD,
    DHP = 0xDE,
    EXP = 0xDF,
    TEM = 0x01,
};

/* What the input is taken for. */
enum {
    AT_START,
    AT_MARKER,
    AT_LENGTH,
    IN_SEGMENT,
    IN_SKIPPED,
    IN_SCAN,
    AT_RESTART,
    HANDING_OUT,
    AT_SCAN_END,
    FINISHED,
};

typedef struct component {
    uint8_t id, sampling, is_done;
} component;

typedef struct decoder {
    state_head head;
    edge_image wanted;
    uint8_t holds_frame;
    uint8_t phase;
    uint8_t has_frame;  /* SOF3 was there */
    uint8_t has_image;  /* and SOS: the layout is known */
    uint8_t precision;
    uint8_t components;
    uint8_t predictor;  /* of this scan, as all that follows */
    uint8_t shift;
    uint8_t in_scan;
    uint8_t scan_of[4]; /* which components */
    uint8_t is_planar;
    uint8_t octets;     /* of a sample that is handed out */
    uint8_t marker;     /* that ended the stage; 0: none yet */
    uint8_t saw_ff;
    uint8_t next_restart;
    component of[4];
    uint32_t columns, rows;
    uint32_t restart_interval; /* pixels; 0: none */
    uint32_t row, rows_to_restart;
    uint8_t is_first_row; /* of its interval */
    uint64_t to_read;   /* differences of this interval that are not read yet */
    size_t done;        /* samples of this row */
    size_t wanted_octets, header_at; /* of a marker segment, and how much there is */
    size_t held_at;     /* handed out of what is held */
    size_t stage_octets;
    size_t from, have;  /* differences: those in between are to be used */
    size_t pending_at, pending;
    bit_source source;  /* pointers into the stage only while a call runs */
    size_t source_at;
    uint16_t first[4];  /* of the row above, its first pixel */
    row_context context;
    sample_output output;
    code_table tables[4];
    code_reader reader;
    uint16_t differences[DIFFERENCES + CODES_AHEAD];
    uint8_t waiting[WAITING + 16];
    uint8_t stage[STAGE + 16];
    uint64_t memory[]; /* entries of codes; the row above; the frame */
} decoder;

static size_t entries_octets(const edge_image *image)
{
    size_t most = codes_octets(1);
    for (size_t k = 2; k <= image->components; k++)
        if (codes_octets(k) > most)
            most = codes_octets(k);
    return most;
}

static size_t row_above_octets(const edge_image *image)
{
    return ((size_t)image->columns * image->components * 2 + 16 + 7) / 8 * 8;
}

size_t edge_jpeg_lossless_decoder_size(const edge_image *image, int holds_frame)
{
    edge_image all;

    if (image == NULL || image->bits_allocated > 16)
        return 0;
    all = *image;
    if (all.bits_allocated == 0)
        all.bits_allocated = 16;
    if (all.bits_stored == 0)
        all.bits_stored = 1;
    if (!holds_frame)
        all.rows = 1;
    const size_t frame = edge_image_octets(&all);
    if (frame == 0 || image->planar > 1 || image->is_signed > 1)
        return 0;
    return sizeof(decoder) + entries_octets(image) + row_above_octets(image) + (holds_frame ? frame : 0);
}

static uint16_t *row_above(decoder *d)
{
    return (uint16_t *)(void *)((uint8_t *)d->memory + entries_octets(&d->wanted));
}

static uint8_t *held(decoder *d)
{
    return (uint8_t *)d->memory + entries_octets(&d->wanted) + row_above_octets(&d->wanted);
}

edge_result edge_jpeg_lossless_decode_begin(void *state, size_t size, const edge_image *image, int holds_frame)
{
    decoder *d = state;
    const size_t needed = edge_jpeg_lossless_decoder_size(image, holds_frame);

    if (needed == 0)
        return EDGE_BAD_IMAGE;
    if (!state_fits(state, size, needed))
        return EDGE_BAD_STATE;
    memset(d, 0, offsetof(decoder, differences));
    d->head.kind = DECODER;
    d->head.outcome = EDGE_NEEDS_INPUT;
    d->wanted = *image;
    d->holds_frame = holds_frame != 0;
    return EDGE_NEEDS_INPUT;
}

edge_result edge_jpeg_lossless_decoded_image(const void *state, edge_image *image)
{
    const decoder *d = state;

    if (!state_is(state, DECODER) || image == NULL)
        return EDGE_BAD_STATE;
    if (!d->has_image)
        return d->head.outcome < EDGE_DONE ? d->head.outcome : EDGE_NEEDS_INPUT;
    memset(image, 0, sizeof *image);
    image->columns = d->columns;
    image->rows = d->rows;
    image->components = d->components;
    image->bits_allocated = (uint8_t)(8 * d->octets);
    image->bits_stored = d->precision;
    image->is_signed = d->wanted.is_signed;
    image->planar = d->holds_frame ? d->wanted.planar : d->is_planar;
    return EDGE_DONE;
}

/* ----------------------------------------------------------------------------------------------------- segments */

static unsigned big_16(const uint8_t *octets)
{
    return (unsigned)octets[0] << 8 | octets[1];
}

static edge_result read_frame(decoder *d, const uint8_t *segment, size_t length)
{
    if (d->has_frame || length < 6 || length != 6 + 3u * segment[5])
        return EDGE_CORRUPT_HEADER;
    d->precision = segment[0];
    d->rows = big_16(segment + 1);
    d->columns = big_16(segment + 3);
    d->components = segment[5];
    if (d->precision < 2 || d->precision > 16 || d->columns == 0 || d->components == 0)
        return EDGE_CORRUPT_HEADER;
    if (d->rows == 0)
        return EDGE_UNSUPPORTED_DNL;
    if (d->components > 4)
        return EDGE_UNSUPPORTED;
    for (unsigned k = 0; k < d->components; k++) {
        d->of[k].id = segment[6 + 3 * k];
        d->of[k].sampling = segment[7 + 3 * k];
        for (unsigned earlier = 0; earlier < k; earlier++)
            if (d->of[earlier].id == d->of[k].id)
                return EDGE_CORRUPT_HEADER;
        if ((d->of[k].sampling >> 4) - 1u > 3 || (d->of[k].sampling & 15u) - 1u > 3)
            return EDGE_CORRUPT_HEADER;
        if (d->of[k].sampling != d->of[0].sampling)
            return EDGE_UNSUPPORTED_SAMPLING;
    }
    d->octets = d->wanted.bits_allocated ? d->wanted.bits_allocated / 8 : d->precision <= 8 ? 1 : 2;
    if (d->columns > d->wanted.columns || d->components > d->wanted.components ||
        (d->holds_frame && d->rows > d->wanted.rows) || d->precision > 8 * d->octets)
        return EDGE_TOO_LARGE;
    d->has_frame = 1;
    return EDGE_DONE;
}

static edge_result read_tables(decoder *d, const uint8_t *segment, size_t length)
{
    while (length > 0) {
        size_t values = 0;
        if (length < 17)
            return EDGE_CORRUPT_HEADER;
        for (unsigned i = 1; i <= 16; i++)
            values += segment[i];
        if (length < 17 + values || (segment[0] & 15) > 3 || segment[0] >> 4 > 1)
            return EDGE_CORRUPT_HEADER;
        /* Class 1 is for coefficients, which this process has none of. */
        if (segment[0] < 4 && !edge_codes_define(&d->tables[segment[0]], segment + 1, segment + 17))
            return EDGE_CORRUPT_TABLE;
        segment += 17 + values;
        length -= 17 + values;
    }
    return EDGE_DONE;
}

static edge_result read_restart_interval(decoder *d, const uint8_t *segment, size_t length)
{
    if (length != 2)
        return EDGE_CORRUPT_HEADER;
    d->restart_interval = big_16(segment);
    return EDGE_DONE;
}

/* The components of a scan, and whether they can be handed out. */
static edge_result read_scan_components(decoder *d, const uint8_t *segment, const code_table **tables)
{
    for (unsigned k = 0; k < d->in_scan; k++) {
        unsigned which = 0;
        while (which < d->components && d->of[which].id != segment[1 + 2 * k])
            which++;
        if (which == d->components || d->of[which].is_done || (k > 0 && which <= d->scan_of[k - 1]))
            return EDGE_CORRUPT_HEADER;
        d->scan_of[k] = (uint8_t)which;
        const unsigned table = segment[2 + 2 * k] >> 4;
        if (table > 3)
            return EDGE_CORRUPT_HEADER;
        if (!d->tables[table].is_defined)
            return EDGE_CORRUPT_TABLE;
        tables[k] = &d->tables[table];
    }
    for (unsigned k = 0; k < d->in_scan; k++)
        d->of[d->scan_of[k]].is_done = 1;
    if (d->in_scan > 1 && d->of[0].sampling != 0x11)
        return EDGE_UNSUPPORTED_SAMPLING;
    d->is_planar = d->in_scan < d->components;
    if (d->holds_frame || !d->is_planar)
        return EDGE_DONE;
    if (d->in_scan > 1 || (d->scan_of[0] > 0 && !d->of[d->scan_of[0] - 1].is_done))
        return EDGE_UNSUPPORTED_SCANS;
    return EDGE_DONE;
}

static void begin_interval(decoder *d)
{
    const uint32_t left = d->rows - d->row, rows = d->restart_interval / d->columns;

    d->rows_to_restart = rows > 0 && rows < left ? rows : left;
    d->is_first_row = 1;
    d->to_read = (uint64_t)d->rows_to_restart * d->columns * d->in_scan;
    d->reader.next = 0;
    d->from = d->have = 0;
    d->stage_octets = d->source_at = 0;
    memset(&d->source, 0, sizeof d->source);
    d->marker = 0;
    d->phase = IN_SCAN;
}

static edge_result read_scan(decoder *d, const uint8_t *segment, size_t length)
{
    const code_table *tables[4];

    if (!d->has_frame || length < 6 || segment[0] < 1 || segment[0] > d->components || length != 4 + 2u * segment[0])
        return EDGE_CORRUPT_HEADER;
    d->in_scan = segment[0];
    const edge_result found = read_scan_components(d, segment, tables);
    if (found != EDGE_DONE)
        return found;
    d->predictor = segment[1 + 2 * d->in_scan];
    d->shift = segment[3 + 2 * d->in_scan] & 15;
    if (d->predictor == 0)
        return EDGE_UNSUPPORTED;
    if (d->predictor > 7 || d->shift >= d->precision)
        return EDGE_CORRUPT_HEADER;
    if (d->restart_interval % d->columns != 0)
        return EDGE_CORRUPT_HEADER;

    const unsigned stored = d->wanted.bits_stored ? d->wanted.bits_stored : d->precision;
    const int extends = d->wanted.is_signed && stored < 8u * d->octets;
    d->output.octets = d->octets;
    d->output.shift = d->shift;
    d->output.keep = (uint16_t)((1u << d->precision) - (1u << d->shift));
    if (extends)
        d->output.keep = (uint16_t)(d->output.keep & ((1u << stored) - 1u));
    d->output.sign = (uint16_t)(extends ? 1u << (stored - 1u) : 0u);
    d->context.mask = (uint16_t)((1u << (d->precision - d->shift)) - 1u);
    edge_codes_prepare(&d->reader, tables, d->in_scan, d->memory);
    d->has_image = 1;
    d->row = 0;
    d->done = 0;
    d->next_restart = 0;
    begin_interval(d);
    return EDGE_DONE;
}

/* What comes with a marker. */
static edge_result begin_marker(decoder *d, unsigned marker)
{
    d->marker = (uint8_t)marker;
    d->header_at = 0;
    d->phase = AT_LENGTH;
    if (marker == EOI) {
        for (unsigned k = 0; k < d->components; k++)
            if (!d->of[k].is_done)
                return EDGE_CORRUPT;
        d->phase = FINISHED;
        return d->has_frame ? EDGE_DONE : EDGE_CORRUPT_HEADER;
    }
    if (marker >= RST0 && marker <= RST7)
        return EDGE_CORRUPT_RESTART;
    if (marker == DNL)
        return EDGE_UNSUPPORTED_DNL;
    if (marker == DHP || marker == EXP || marker == DAC ||
        (marker >= SOF0 && marker <= SOF15 && marker != SOF3 && marker != DHT && marker != JPG))
        return EDGE_UNSUPPORTED;
    if (marker == TEM) {
        d->phase = AT_MARKER;
        return EDGE_DONE;
    }
    return marker < SOF0 || marker == SOI ? EDGE_CORRUPT_HEADER : EDGE_DONE;
}

static edge_result begin_segment(decoder *d)
{
    const size_t length = big_16(d->stage);

    if (length < 2)
        return EDGE_CORRUPT_HEADER;
    d->wanted_octets = length - 2;
    d->header_at = 0;
    d->phase = IN_SKIPPED;
    if (d->marker == SOF3 || d->marker == DHT || d->marker == DRI || d->marker == SOS) {
        d->phase = IN_SEGMENT;
        if (d->wanted_octets > STAGE)
            return EDGE_CORRUPT_HEADER;
    }
    return EDGE_DONE;
}

static edge_result read_segment(decoder *d)
{
    d->phase = AT_MARKER;
    d->header_at = 0;
    switch (d->marker) {
    case SOF3:
        return read_frame(d, d->stage, d->wanted_octets);
    case DHT:
        return read_tables(d, d->stage, d->wanted_octets);
    case DRI:
        return read_restart_interval(d, d->stage, d->wanted_octets);
    default:
        return read_scan(d, d->stage, d->wanted_octets);
    }
}

/* Move input to the stage until it has `wanted` octets; return whether it has. */
static int collect(decoder *d, edge_io *io, size_t wanted)
{
    const size_t missing = wanted - d->header_at;
    const size_t taken = missing < io->in_left ? missing : io->in_left;

    if (taken > 0) {
        memcpy(d->stage + d->header_at, io->in, taken);
        io->in += taken;
        io->in_left -= taken;
        d->header_at += taken;
    }
    return d->header_at == wanted;
}

/* ---------------------------------------------------------------------------------------------------- coded data */

/* Fill the stage up with coded data, up to a marker; return whether anything came. */
static int fill_stage(decoder *d, edge_io *io)
{
    const size_t left = d->stage_octets - d->source_at;
    size_t used;

    if (d->marker != 0 || io->in_left == 0)
        return 0;
    memmove(d->stage, d->stage + d->source_at, left);
    d->source_at = 0;
    d->stage_octets = left;
    while (io->in_left > 0 && d->stage_octets < STAGE && d->marker == 0) {
        if (d->saw_ff) {
            const uint8_t octet = *io->in++;
            io->in_left--;
            if (octet == 0xFF)
                continue; /* fill octets before a marker */
            d->saw_ff = 0;
            if (octet == 0)
                d->stage[d->stage_octets++] = 0xFF;
            else
                d->marker = octet;
            continue;
        }
        d->stage_octets +=
            edge_unstuff(io->in, io->in_left, &used, d->stage + d->stage_octets, STAGE - d->stage_octets);
        io->in += used;
        io->in_left -= used;
        if (io->in_left > 0 && *io->in == 0xFF && d->stage_octets < STAGE) {
            d->saw_ff = 1;
            io->in++;
            io->in_left--;
        }
    }
    return 1;
}

static int drip(decoder *d, edge_io *io)
{
    const size_t count = d->pending < io->out_left ? d->pending : io->out_left;

    if (count > 0) {
        memcpy(io->out, d->waiting + d->pending_at, count);
        io->out += count;
        io->out_left -= count;
        d->pending_at += count;
        d->pending -= count;
    }
    return d->pending == 0;
}

/* `count` samples of whole pixels within a row, by differences that are there, to `samples`. */
static void reconstruct(decoder *d, size_t count, uint8_t *samples)
{
    const size_t components = d->in_scan;
    const uint16_t *differences = d->differences + d->from;
    uint16_t *above = d->predictor > 1 ? row_above(d) + d->done : NULL;
    row_context *row = &d->context;

    if (d->done == 0) {
        for (size_t k = 0; k < components; k++) {
            if (d->is_first_row)
                row->left[k] = (uint16_t)(1u << (d->precision - d->shift - 1u));
            else
                row->left[k] = above ? above[k] : d->first[k];
            row->above_left[k] = row->left[k];
            d->first[k] = (uint16_t)((row->left[k] + differences[k]) & row->mask);
        }
    }
    if (d->is_first_row || above == NULL) {
        edge_reconstruct_left(differences, count, components, row, above, &d->output, samples);
        return;
    }
    if (d->done == 0) {
        edge_reconstruct_left(differences, components, components, row, above, &d->output, samples);
        differences += components;
        above += components;
        samples += components * d->octets;
        count -= components;
    }
    edge_reconstruct(d->predictor, differences, count, components, row, above, &d->output, samples);
}

/* Samples of one scan to their places in the frame that is held. */
static void hold(decoder *d, size_t count)
{
    const size_t octets = d->octets;
    const size_t pixel = (size_t)d->row * d->columns + d->done / d->in_scan, pixels = (size_t)d->rows * d->columns;

    for (size_t k = 0; k < d->in_scan; k++) {
        const size_t which = d->scan_of[k];
        const size_t step = d->wanted.planar ? octets : octets * d->components;
        uint8_t *to = held(d) + (d->wanted.planar ? which * pixels * octets : which * octets) + pixel * step;
        for (size_t i = k; i < count; i += d->in_scan, to += step)
            memcpy(to, d->waiting + i * octets, octets);
    }
}

/* As much of the row as there are differences for. */
static void hand_out(decoder *d, edge_io *io)
{
    const size_t row = (size_t)d->columns * d->in_scan;
    size_t count = (d->have - d->from) / d->in_scan * d->in_scan;

    if (count > row - d->done)
        count = row - d->done;
    if (!d->holds_frame && io->out_left >= count * d->octets) {
        reconstruct(d, count, io->out);
        io->out += count * d->octets;
        io->out_left -= count * d->octets;
    } else {
        const size_t most = (size_t)WAITING / d->octets / d->in_scan * d->in_scan;
        if (count > most)
            count = most;
        reconstruct(d, count, d->waiting);
        if (d->holds_frame) {
            hold(d, count);
        } else {
            d->pending_at = 0;
            d->pending = count * d->octets;
        }
    }
    d->from += count;
    d->done += count;
    if (d->done == row) {
        d->done = 0;
        d->row++;
        d->rows_to_restart--;
        d->is_first_row = 0;
    }
}

/* More differences: EDGE_DONE, or EDGE_NEEDS_INPUT, or what is wrong. */
static edge_result read_differences(decoder *d, edge_io *io)
{
    const size_t left = d->have - d->from;

    memmove(d->differences, d->differences + d->from, left * sizeof *d->differences);
    d->from = 0;
    d->have = left;
    for (;;) {
        if (d->stage_octets - d->source_at < STAGE / 4)
            fill_stage(d, io);
        const size_t wanted = d->to_read < DIFFERENCES - left ? (size_t)d->to_read + left : DIFFERENCES;
        const int is_rough = wanted < left + d->to_read || (io->in_left > 0 && d->marker == 0);
        const size_t had = d->have;
        d->source.at = d->stage + d->source_at;
        d->source.end = d->stage + d->stage_octets;
        const codes_result result =
            edge_codes_read(&d->reader, d->memory, &d->source, d->differences, &d->have, wanted, is_rough);
        d->source_at = (size_t)(d->source.at - d->stage);
        d->source.at = d->source.end = NULL;
        d->to_read -= d->have - had;
        if (d->have >= d->in_scan) /* what is right goes out first, whatever comes behind it */
            return EDGE_DONE;
        if (result == CODES_BAD)
            return EDGE_CORRUPT_CODE;
        if (result == CODES_HUNGRY && !fill_stage(d, io)) {
            if (d->marker == 0)
                return EDGE_NEEDS_INPUT;
            return d->marker >= RST0 && d->marker <= RST7 ? EDGE_CORRUPT_RESTART : EDGE_CORRUPT;
        }
    }
}

/* The rest of an interval: EDGE_DONE at its end. */
static edge_result decode_interval(decoder *d, edge_io *io)
{
    for (;;) {
        if (!drip(d, io))
            return EDGE_NEEDS_OUTPUT;
        if (d->have - d->from < d->in_scan) {
            if (d->rows_to_restart == 0)
                return EDGE_DONE;
            const edge_result result = read_differences(d, io);
            if (result != EDGE_DONE)
                return result;
        }
        hand_out(d, io);
    }
}

/* Pass what is left of coded data, padding for the most part; return whether its marker is there. */
static int find_marker(decoder *d, edge_io *io)
{
    do
        d->stage_octets = d->source_at = 0;
    while (d->marker == 0 && fill_stage(d, io));
    return d->marker != 0;
}

static edge_result hand_out_held(decoder *d, edge_io *io)
{
    const size_t all = (size_t)d->rows * d->columns * d->components * d->octets;
    const size_t count = all - d->held_at < io->out_left ? all - d->held_at : io->out_left;

    if (count > 0) {
        memcpy(io->out, held(d) + d->held_at, count);
        io->out += count;
        io->out_left -= count;
        d->held_at += count;
    }
    return d->held_at == all ? EDGE_DONE : EDGE_NEEDS_OUTPUT;
}

static int is_last_scan(const decoder *d)
{
    for (unsigned k = 0; k < d->components; k++)
        if (!d->of[k].is_done)
            return 0;
    return 1;
}

static edge_result end_interval(decoder *d)
{
    if (d->row < d->rows)
        d->phase = AT_RESTART;
    else
        d->phase = d->holds_frame && is_last_scan(d) ? HANDING_OUT : AT_SCAN_END;
    return EDGE_DONE;
}

static edge_result take_marker(decoder *d, edge_io *io)
{
    while (io->in_left > 0) {
        const uint8_t octet = *io->in++;
        io->in_left--;
        if (!d->saw_ff) {
            if (octet != 0xFF)
                return EDGE_CORRUPT_HEADER;
            d->saw_ff = 1;
        } else if (octet != 0xFF) {
            d->saw_ff = 0;
            return begin_marker(d, octet);
        }
    }
    return EDGE_NEEDS_INPUT;
}

/* Go one phase further: EDGE_DONE, or why not. */
static edge_result decode_phase(decoder *d, edge_io *io)
{
    edge_result result;

    switch (d->phase) {
    case AT_START:
        if (!collect(d, io, 2))
            return EDGE_NEEDS_INPUT;
        d->phase = AT_MARKER;
        return big_16(d->stage) == (0xFF00u | SOI) ? EDGE_DONE : EDGE_CORRUPT_HEADER;
    case AT_MARKER:
        return take_marker(d, io);
    case AT_LENGTH:
        return collect(d, io, 2) ? begin_segment(d) : EDGE_NEEDS_INPUT;
    case IN_SEGMENT:
        return collect(d, io, d->wanted_octets) ? read_segment(d) : EDGE_NEEDS_INPUT;
    case IN_SKIPPED: {
        const size_t passed = d->wanted_octets < io->in_left ? d->wanted_octets : io->in_left;
        d->wanted_octets -= passed;
        io->in_left -= passed;
        if (passed > 0)
            io->in += passed;
        if (d->wanted_octets > 0)
            return EDGE_NEEDS_INPUT;
        d->phase = AT_MARKER;
        return EDGE_DONE;
    }
    case IN_SCAN:
        result = decode_interval(d, io);
        return result == EDGE_DONE ? end_interval(d) : result;
    case AT_RESTART:
        if (!find_marker(d, io))
            return EDGE_NEEDS_INPUT;
        if (d->marker != RST0 + d->next_restart)
            return EDGE_CORRUPT_RESTART;
        d->next_restart = (d->next_restart + 1) & 7;
        begin_interval(d);
        return EDGE_DONE;
    case HANDING_OUT:
        result = hand_out_held(d, io);
        d->phase = result == EDGE_DONE ? AT_SCAN_END : HANDING_OUT;
        return result;
    default: /* AT_SCAN_END */
        return find_marker(d, io) ? begin_marker(d, d->marker) : EDGE_NEEDS_INPUT;
    }
}

edge_result edge_jpeg_lossless_decode(void *state, edge_io *io)
{
    decoder *d = state;
    edge_result result;

    if (!state_is(state, DECODER) || io == NULL)
        return EDGE_BAD_STATE;
    if (d->head.outcome <= EDGE_DONE)
        return d->head.outcome;
    do
        result = decode_phase(d, io);
    while (result == EDGE_DONE && d->phase != FINISHED);
    if (result == EDGE_NEEDS_INPUT && io->in_ended)
        result = EDGE_TRUNCATED;
    return state_keeps(&d->head, result);
}
