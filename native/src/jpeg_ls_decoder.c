/*
 * JPEG-LS decoding, as a stream: marker segments, stuffed octets in, lines out.
 *
 * The octets of a scan are copied to a buffer in the state without their stuffing ("tape"), and lines are decoded from
 * there. A code is begun only where more bits are at hand than the longest step can take, or where a marker or the end
 * of the input has been seen and zeros stand behind; so the loops over samples need not ask.
 */

#include "jpeg_ls_headers.h"
static int bounds_are_good(const edge_image *image)
{
    return image != NULL && image->columns >= 1 && image->columns <= 65535 && image->components >= 1 &&
           image->components <= JLS_COMPONENTS &&
           (image->bits_allocated == 0 || image->bits_allocated == 8 || image->bits_allocated == 16) &&
           image->bits_stored <= 16;
}

size_t edge_jpeg_ls_decoder_size(const edge_image *image)
{
    if (!bounds_are_good(image))
        return 0;
    return sizeof(jls_decoder) + 2 * (size_t)image->components * jls_stride_of(image->columns) * sizeof(uint16_t);
}

edge_result edge_jpeg_ls_decode_begin(void *state, size_t size, const edge_image *image, int takes_sampling)
{
    jls_decoder *d = state;

    if (!bounds_are_good(image))
        return EDGE_BAD_IMAGE;
    if (!state_fits(state, size, edge_jpeg_ls_decoder_size(image)))
        return EDGE_BAD_STATE;
    memset(d, 0, sizeof *d);
    d->head.kind = KIND;
    d->head.outcome = EDGE_NEEDS_INPUT;
    d->bounds = *image;
    d->takes_sampling = takes_sampling != 0;
    d->way = jls_best_way();
    d->stage = STAGE_START;
    return EDGE_NEEDS_INPUT;
}

/* ----------------------------------------------------------------------------------------------------------- tape */

/*
 * Copy octets to the tape, without the bit stuffed behind each 0xFF, until it is full, the input is used up, or a
 * marker is found. True when that helps: bits have been added, or the end has been seen.
 */
static int fill_tape(jls_decoder *d, edge_io *io)
{
    const uint32_t used = (uint32_t)(d->tape_at >> 3);
    const uint8_t *in = io->in, *in_end = io->in + io->in_left;
    uint8_t *out, *out_end = d->tape + TAPE;
    uint64_t waiting = d->waiting;
    uint32_t count = d->waiting_count;
    uint32_t before;

    if (d->has_end)
        return 0;
    d->taped -= used;
    memmove(d->tape, d->tape + used, d->taped);
    d->tape_at &= 7;
    before = d->taped;
    out = d->tape + d->taped;

    while (in < in_end && out < out_end) {
        if (in_end - in >= 8 && out_end - out >= 8 && !d->ff_waits) {
            const uint64_t word = load_64_big(in);
            if (!has_ff(word >> 16)) {
                const uint64_t more = word >> 16;
                store_64_big(out, (waiting << 48 | more) >> count << 16);
                out += 6;
                in += 6;
                waiting = more & ((UINT64_C(1) << count) - 1);
                continue;
            }
        }
        const uint8_t octet = *in++;
        if (d->ff_waits) {
            d->ff_waits = 0;
            if (octet >= 0x80) {
                if (octet == 0xFF) { /* a fill octet before a marker */
                    d->ff_waits = 1;
                    continue;
                }
                d->found_marker = octet;
                d->has_end = 1;
                break;
            }
            waiting = waiting << 15 | UINT64_C(0xFF) << 7 | octet;
            count += 15;
        } else if (octet == 0xFF) {
            d->ff_waits = 1;
            continue;
        } else {
            waiting = waiting << 8 | octet;
            count += 8;
        }
        while (count >= 8) {
            count -= 8;
            *out++ = (uint8_t)(waiting >> count);
        }
        waiting &= (UINT64_C(1) << count) - 1;
    }
    io->in_left -= (size_t)(in - io->in);
    io->in = in;
    if (!d->has_end && io->in_left == 0 && io->in_ended)
        d->has_end = 1;
    d->taped = (uint32_t)(out - d->tape);
    if (d->has_end) {
        memset(out, 0, BEHIND - 8);
        *out = (uint8_t)(waiting << (8 - count));
        d->tape_end = (uint64_t)d->taped * 8 + count;
    }
    d->waiting = waiting;
    d->waiting_count = count;
    return d->has_end || d->taped > before;
}

/* ---------------------------------------------------------------------------------------------------------- lines */

static uint16_t *line_of(jls_decoder *d, int component, int above)
{
    const size_t lines = (size_t)(d->last - d->first);
    const size_t number = (size_t)(d->turn[component] ^ above) * lines + (size_t)(component - d->first);
    return d->lines + number * d->stride + JLS_PAD;
}

static uint32_t width_of(const jls_decoder *d, int component)
{
    return (d->image.columns * d->h[component] + d->h_most - 1) / d->h_most;
}

/* Decode as much of a line as the tape has. EDGE_DONE: all of it, EDGE_NEEDS_INPUT, or an error. */
static edge_result decode_line(jls_decoder *d, edge_io *io)
{
    const int j = d->component, components = d->interleave == 2 ? d->last - d->first : 1;
    const uint32_t width = width_of(d, j);
    jls_tape tape;

    if (d->at == 0)
        for (int i = j; i < j + components; i++) {
            uint16_t *over = line_of(d, i, 1);
            *(line_of(d, i, 0) - 1) = over[0];
            over[width] = over[width - 1];
        }
    for (;;) {
        const uint64_t bits = (uint64_t)d->taped * 8;
        const uint16_t *over = line_of(d, j, 1);
        uint16_t *line = line_of(d, j, 0);

        tape.octets = d->tape;
        tape.at = d->tape_at;
        tape.stop = d->has_end ? d->tape_end : bits > LONGEST ? bits - LONGEST : 0;
        if (components > 1 && d->model.is_exact)
            d->at = d->way->decode_pixels(&d->model, over, line, d->stride, d->at, width, components, &tape,
                                          &d->damage);
        else if (components > 1)
            d->at = d->way->decode_pixels_general(&d->model, over, line, d->stride, d->at, width, components, &tape,
                                                  &d->damage);
        else if (d->model.is_exact)
            d->at = d->way->decode_line(&d->model, over, line, d->at, width, j, &tape, &d->damage);
        else
            d->at = d->way->decode_line_general(&d->model, over, line, d->at, width, j, &tape, &d->damage);
        d->tape_at = tape.at;
        if (d->has_end && (d->tape_at > d->tape_end || d->at < width))
            return d->found_marker != 0 ? EDGE_CORRUPT : EDGE_TRUNCATED;
        if (d->damage >= 2u << d->model.qbpp)
            return EDGE_CORRUPT;
        if (d->at == width)
            break;
        if (!fill_tape(d, io))
            return EDGE_NEEDS_INPUT;
        if (d->is_fresh && d->has_end && d->tape_end == 0 && d->found_marker >= DRI)
            return EDGE_NEEDS_INPUT; /* a marker segment between the header of the scan and its octets */
    }
    d->at = 0;
    d->is_fresh = 0;
    return EDGE_DONE;
}

/* Give the line(s) that are decoded; true when they are all given. */
static int give(jls_decoder *d, edge_io *io)
{
    const int side_by_side = d->last - d->first > 1 && !d->is_sampled;
    const int first = side_by_side ? d->first : d->component;
    const uint32_t components = side_by_side ? (uint32_t)(d->last - d->first) : 1;
    const uint32_t pixel = components * d->octets;
    const uint32_t width = width_of(d, first);
    const uint32_t stored = d->bounds.bits_stored != 0 ? d->bounds.bits_stored : d->precision;
    const uint32_t mask = d->bounds.is_signed ? (1u << stored) - 1 : 0xFFFF;
    const uint32_t half = d->bounds.is_signed ? 1u << (stored - 1) : 0;

    while (d->given < width * pixel) {
        const uint32_t done = d->given / pixel, part = d->given % pixel;
        uint8_t one[JLS_COMPONENTS * 2];
        uint8_t *to = io->out;
        uint32_t count = 1;

        if (io->out_left == 0)
            return 0;
        if (part > 0 || io->out_left < pixel) {
            to = one;
        } else {
            const size_t room = io->out_left / pixel;
            count = room < width - done ? (uint32_t)room : width - done;
        }
        const int is_rgb = pixel == 3 && half == 0;
        if (is_rgb) {
            const uint16_t *const lines[3] = {line_of(d, 0, 0) + done, line_of(d, 1, 0) + done,
                                              line_of(d, 2, 0) + done};
            d->way->out_rgb(to, lines, count);
        }
        for (uint32_t j = 0; j < components && !is_rgb; j++) {
            const uint16_t *line = line_of(d, first + (int)j, 0) + done;
            if (d->octets == 1)
                d->way->out_8(to + j, line, count, pixel, mask, half);
            else
                d->way->out_16(to + 2 * j, line, count, pixel, mask, half);
        }
        size_t octets = (size_t)count * pixel;
        if (to == one) {
            octets = io->out_left < pixel - part ? io->out_left : pixel - part;
            memcpy(io->out, one + part, octets);
        }
        d->given += (uint32_t)octets;
        io->out += octets;
        io->out_left -= octets;
    }
    d->given = 0;
    return 1;
}

/* What follows a line that is given. */
static void end_line(jls_decoder *d)
{
    d->stage = STAGE_LINE;
    if (d->interleave == 1) {
        /* All lines of a row of units were decoded before they were given, unless they differ in size. */
        if (d->is_sampled) {
            d->turn[d->component] ^= 1;
            if (++d->line_of_component < d->v[d->component])
                return;
            d->line_of_component = 0;
            if (++d->component < d->last)
                return;
            d->component = d->first;
        } else {
            for (int j = d->first; j < d->last; j++)
                d->turn[j] ^= 1;
        }
    } else {
        for (int j = d->first; j < d->last; j++)
            d->turn[j] ^= 1;
    }
    d->rows_left--;
    if (d->rows_left == 0 || (d->restart_rows > 0 && --d->restart_left == 0))
        d->stage = STAGE_STRIPE_END;
}

/* Go on behind the bits of a stripe: only zeros may stand before the marker. */
static edge_result end_stripe(jls_decoder *d, edge_io *io)
{
    for (;;) {
        const uint64_t end = d->has_end ? d->tape_end : (uint64_t)d->taped * 8;
        while (d->tape_at < end) {
            const uint32_t first = (uint32_t)(d->tape_at & 7);
            if ((uint8_t)(d->tape[d->tape_at >> 3] << first) != 0)
                return EDGE_CORRUPT;
            d->tape_at += 8 - first;
        }
        if (d->has_end)
            break;
        d->tape_at = end;
        if (!fill_tape(d, io))
            return EDGE_NEEDS_INPUT;
    }
    if (d->found_marker == 0)
        return EDGE_TRUNCATED;
    if (d->rows_left > 0) {
        if (d->found_marker != 0xD0 + d->next_restart)
            return EDGE_CORRUPT_RESTART;
        d->next_restart = (d->next_restart + 1) & 7;
        jls_begin_stripe(d);
        d->stage = STAGE_LINE;
        return EDGE_DONE;
    }
    d->marker = d->found_marker;
    d->stage = STAGE_MARKER;
    return EDGE_DONE;
}

/* ----------------------------------------------------------------------------------------------------- the stream */

/* One step of what is done with the samples; EDGE_DONE to go on. */
static edge_result step(jls_decoder *d, edge_io *io)
{
    edge_result result;

    switch (d->stage) {
    case STAGE_LINE:
        if (io->out_left == 0)
            return EDGE_NEEDS_OUTPUT;
        result = decode_line(d, io);
        if (result == EDGE_NEEDS_INPUT && d->has_end) {
            d->marker = d->found_marker;
            d->inside_scan = 1;
            jls_begin_tape(d);
            result = jls_read_marker(d);
            return result == EDGE_NEEDS_INPUT ? EDGE_DONE : result;
        }
        if (result != EDGE_DONE)
            return result;
        if (d->interleave == 1 && !d->is_sampled && ++d->component < d->last)
            return EDGE_DONE;
        if (!d->is_sampled)
            d->component = d->first;
        d->stage = STAGE_GIVING;
        return EDGE_DONE;
    case STAGE_GIVING:
        if (!give(d, io))
            return EDGE_NEEDS_OUTPUT;
        end_line(d);
        return EDGE_DONE;
    case STAGE_STRIPE_END:
        result = end_stripe(d, io);
        if (result == EDGE_DONE && d->stage == STAGE_MARKER) {
            result = jls_read_marker(d);
            return result == EDGE_NEEDS_INPUT || result == EDGE_DONE ? EDGE_DONE : result;
        }
        return result;
    default:
        return EDGE_BAD_STATE;
    }
}

static edge_result read_headers(jls_decoder *d, edge_io *io)
{
    while (d->stage < STAGE_LINE) {
        if (io->in_left == 0)
            return io->in_ended ? EDGE_TRUNCATED : EDGE_NEEDS_INPUT;
        if (d->stage == STAGE_SKIP) {
            const size_t skipped = io->in_left < d->wanted ? io->in_left : d->wanted;
            io->in += skipped;
            io->in_left -= skipped;
            d->wanted -= (uint32_t)skipped;
            if (d->wanted == 0) {
                d->stage = STAGE_MARKER;
                if (d->inside_scan) {
                    const edge_result result = jls_begin_scan(d);
                    if (result != EDGE_DONE)
                        return result;
                }
            }
            continue;
        }
        const edge_result result = jls_read_header_octet(d, *io->in++);
        io->in_left--;
        if (result != EDGE_NEEDS_INPUT)
            return result;
    }
    return EDGE_DONE;
}

edge_result edge_jpeg_ls_decode(void *state, edge_io *io)
{
    jls_decoder *d = state;
    edge_result result;

    if (!state_is(state, KIND) || io == NULL)
        return EDGE_BAD_STATE;
    while (d->head.outcome > EDGE_DONE) {
        if (d->stage < STAGE_LINE) {
            result = read_headers(d, io);
            if (d->head.outcome == EDGE_DONE)
                break;
        } else {
            result = step(d, io);
        }
        if (result != EDGE_DONE)
            return state_keeps(&d->head, result);
    }
    return d->head.outcome;
}

edge_result edge_jpeg_ls_decoded_image(const void *state, edge_image *image)
{
    const jls_decoder *d = state;

    if (!state_is(state, KIND) || image == NULL)
        return EDGE_BAD_STATE;
    if (!d->has_scan)
        return EDGE_NEEDS_INPUT;
    *image = d->image;
    return EDGE_DONE;
}

edge_result edge_jpeg_ls_decoded_component(const void *state, int component, uint32_t *columns, uint32_t *rows)
{
    const jls_decoder *d = state;

    if (!state_is(state, KIND) || columns == NULL || rows == NULL)
        return EDGE_BAD_STATE;
    if (!d->has_frame)
        return EDGE_NEEDS_INPUT;
    if (component < 0 || component >= d->image.components)
        return EDGE_BAD_OPTION;
    *columns = width_of(d, component);
    *rows = d->image.rows / d->v_most * d->v[component];
    return EDGE_DONE;
}

edge_result edge_jpeg_ls_decoded_near(const void *state, int *near)
{
    const jls_decoder *d = state;

    if (!state_is(state, KIND) || near == NULL)
        return EDGE_BAD_STATE;
    if (!d->has_scan)
        return EDGE_NEEDS_INPUT;
    *near = d->model.near;
    return EDGE_DONE;
}
