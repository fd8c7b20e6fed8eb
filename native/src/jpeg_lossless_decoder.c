/*
 * Decode lossless JPEG (T.81 Process 14) as a stream.
 *
 * The input goes through a stage: coded data without its stuffing, up to the next marker; marker segments as they are.
 * From the stage come differences, as many at a time as there is room for, whatever rows they belong to; from those,
 * rows or parts of rows go to the output or, where it has no room, wait.
 *
 * Predictor 1 needs nothing of the row above but its first pixel; for the others the state keeps a line.
 */

#include "jpeg_lossless_decoder.h"
#include "stuffing.h"
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
    return sizeof(lossless_decoder) + entries_octets(image) + row_above_octets(image) + (holds_frame ? frame : 0);
}

static uint16_t *row_above(lossless_decoder *d)
{
    return (uint16_t *)(void *)((uint8_t *)d->memory + entries_octets(&d->wanted));
}

static uint8_t *held(lossless_decoder *d)
{
    return (uint8_t *)d->memory + entries_octets(&d->wanted) + row_above_octets(&d->wanted);
}

edge_result edge_jpeg_lossless_decode_begin(void *state, size_t size, const edge_image *image, int holds_frame)
{
    lossless_decoder *d = state;
    const size_t needed = edge_jpeg_lossless_decoder_size(image, holds_frame);

    if (needed == 0)
        return EDGE_BAD_IMAGE;
    if (!state_fits(state, size, needed))
        return EDGE_BAD_STATE;
    memset(d, 0, offsetof(lossless_decoder, differences));
    d->head.kind = DECODER;
    d->head.outcome = EDGE_NEEDS_INPUT;
    d->wanted = *image;
    d->holds_frame = holds_frame != 0;
    return EDGE_NEEDS_INPUT;
}

edge_result edge_jpeg_lossless_decoded_image(const void *state, edge_image *image)
{
    const lossless_decoder *d = state;

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

/* Move input to the stage until it has `wanted` octets; return whether it has. */
static int collect(lossless_decoder *d, edge_io *io, size_t wanted)
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
static int fill_stage(lossless_decoder *d, edge_io *io)
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

static int drip(lossless_decoder *d, edge_io *io)
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
static void reconstruct(lossless_decoder *d, size_t count, uint8_t *samples)
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
static void hold(lossless_decoder *d, size_t count)
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
static void hand_out(lossless_decoder *d, edge_io *io)
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
static edge_result read_differences(lossless_decoder *d, edge_io *io)
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
static edge_result decode_interval(lossless_decoder *d, edge_io *io)
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
static int find_marker(lossless_decoder *d, edge_io *io)
{
    do
        d->stage_octets = d->source_at = 0;
    while (d->marker == 0 && fill_stage(d, io));
    return d->marker != 0;
}

static edge_result hand_out_held(lossless_decoder *d, edge_io *io)
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

static int is_last_scan(const lossless_decoder *d)
{
    for (unsigned k = 0; k < d->components; k++)
        if (!d->of[k].is_done)
            return 0;
    return 1;
}

static edge_result end_interval(lossless_decoder *d)
{
    if (d->row < d->rows)
        d->phase = AT_RESTART;
    else
        d->phase = d->holds_frame && is_last_scan(d) ? HANDING_OUT : AT_SCAN_END;
    return EDGE_DONE;
}

static edge_result take_marker(lossless_decoder *d, edge_io *io)
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
            return edge_lossless_begin_marker(d, octet);
        }
    }
    return EDGE_NEEDS_INPUT;
}

/* Go one phase further: EDGE_DONE, or why not. */
static edge_result decode_phase(lossless_decoder *d, edge_io *io)
{
    edge_result result;

    switch (d->phase) {
    case AT_START:
        if (!collect(d, io, 2))
            return EDGE_NEEDS_INPUT;
        d->phase = AT_MARKER;
        return load_16_big(d->stage) == (0xFF00u | SOI) ? EDGE_DONE : EDGE_CORRUPT_HEADER;
    case AT_MARKER:
        return take_marker(d, io);
    case AT_LENGTH:
        return collect(d, io, 2) ? edge_lossless_begin_segment(d) : EDGE_NEEDS_INPUT;
    case IN_SEGMENT:
        return collect(d, io, d->wanted_octets) ? edge_lossless_read_segment(d) : EDGE_NEEDS_INPUT;
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
        edge_lossless_begin_interval(d);
        return EDGE_DONE;
    case HANDING_OUT:
        result = hand_out_held(d, io);
        d->phase = result == EDGE_DONE ? AT_SCAN_END : HANDING_OUT;
        return result;
    default: /* AT_SCAN_END */
        return find_marker(d, io) ? edge_lossless_begin_marker(d, d->marker) : EDGE_NEEDS_INPUT;
    }
}

edge_result edge_jpeg_lossless_decode(void *state, edge_io *io)
{
    lossless_decoder *d = state;
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
