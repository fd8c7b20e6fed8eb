/*
 * JPEG-LS decoding, as a stream: marker segments, stuffed octets in, lines out.
 *
 * The octets of a scan are copied to a buffer in the state without their stuffing ("tape"), and lines are decoded from
 * there. A code is begun only where more bits are at hand than the longest step can take, or where a marker or the end
 * of the input has been seen and zeros stand behind; so the loops over samples need not ask.
 */

#include "jpeg_ls_model.h"
#include "state.h"

enum {
    KIND = 0x4A4C5344,
    TAPE = 4096,
    BEHIND = 64,        /* octets behind the tape that may be read */
    LONGEST = 48 * 8,   /* bits: a run over a whole line and what ends it in four components take less */
    SEGMENT = 64        /* octets of the longest marker segment that is looked at */
};

enum stage { STAGE_START, STAGE_MARKER, STAGE_LENGTH, STAGE_SEGMENT, STAGE_SKIP, STAGE_LINE, STAGE_GIVING, STAGE_STRIPE_END };

enum { SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DNL = 0xDC, DRI = 0xDD, SOF_LS = 0xF7, LSE = 0xF8 };

typedef struct decoder {
    state_head head;
    edge_image bounds;
    edge_image image; /* of the stream, once `has_frame`; its layout, once `has_scan` */
    const jls_way *way;
    jls_model model;
    enum stage stage;
    uint8_t takes_sampling, has_frame, has_scan, is_sampled, inside_scan, is_fresh; /* is_fresh: no line of the scan yet */
    uint8_t precision, octets; /* of a sample that is given */
    uint8_t interleave;
    uint8_t ids[JLS_COMPONENTS], h[JLS_COMPONENTS], v[JLS_COMPONENTS], h_most, v_most;
    uint8_t turn[JLS_COMPONENTS];
    uint8_t marker, marker_part; /* marker_part: 0xFF has been read */
    uint8_t next_restart;
    int first, last, component, line_of_component;
    jls_presets presets;
    uint32_t restart_rows, restart_left, rows_left;
    uint32_t at;         /* samples decoded of the line */
    uint32_t given;      /* octets given of the line(s) */
    uint32_t damage;
    uint32_t wanted, got; /* octets of the segment */
    uint8_t segment[SEGMENT];
    size_t stride;
    /* Octets to tape */
    uint64_t waiting;
    uint32_t waiting_count; /* bits: less than 8 */
    uint8_t ff_waits, found_marker, has_end;
    uint32_t taped;      /* octets */
    uint64_t tape_at, tape_end; /* bits; the end once has_end */
    uint8_t tape[TAPE + BEHIND];
    uint16_t lines[]; /* [turn][component][stride] */
} decoder;

static size_t stride_of(uint32_t columns)
{
    return ((size_t)columns + 2 * JLS_PAD + 15) / 16 * 16;
}

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
    return sizeof(decoder) + 2 * (size_t)image->components * stride_of(image->columns) * sizeof(uint16_t);
}

edge_result edge_jpeg_ls_decode_begin(void *state, size_t size, const edge_image *image, int takes_sampling)
{
    decoder *d = state;

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

/* ------------------------------------------------------------------------------------------------ marker segments */

static uint32_t get_16(const uint8_t *octets)
{
    return (uint32_t)octets[0] << 8 | octets[1];
}

static edge_result read_frame(decoder *d)
{
    const uint8_t *s = d->segment;
    const uint32_t components = d->got >= 6 ? s[5] : 0;

    if (d->has_frame || d->got < 6 || d->got != 6 + 3 * components || components == 0)
        return EDGE_CORRUPT_HEADER;
    d->precision = s[0];
    d->image.rows = get_16(s + 1);
    d->image.columns = get_16(s + 3);
    if (d->precision < 2 || d->precision > 16)
        return EDGE_CORRUPT_HEADER;
    if (d->image.columns == 0)
        return EDGE_UNSUPPORTED; /* an oversize image (T.87 C.2.4.1.4) */
    if (d->image.rows == 0)
        return EDGE_UNSUPPORTED_DNL;
    if (components > JLS_COMPONENTS)
        return EDGE_UNSUPPORTED;
    if (components > d->bounds.components || d->image.columns > d->bounds.columns)
        return EDGE_TOO_LARGE;
    if (d->bounds.bits_allocated != 0 && d->precision > d->bounds.bits_allocated)
        return EDGE_TOO_LARGE;
    d->image.components = (uint8_t)components;
    d->h_most = d->v_most = 1;
    for (uint32_t j = 0; j < components; j++) {
        const uint8_t *one = s + 6 + 3 * j;
        d->ids[j] = one[0];
        d->h[j] = one[1] >> 4;
        d->v[j] = one[1] & 15;
        if (d->h[j] < 1 || d->h[j] > 4 || d->v[j] < 1 || d->v[j] > 4)
            return EDGE_CORRUPT_HEADER;
        for (uint32_t other = 0; other < j; other++)
            if (d->ids[other] == d->ids[j])
                return EDGE_CORRUPT_HEADER;
        d->h_most = d->h[j] > d->h_most ? d->h[j] : d->h_most;
        d->v_most = d->v[j] > d->v_most ? d->v[j] : d->v_most;
    }
    for (uint32_t j = 0; j < components; j++)
        d->is_sampled |= d->h[j] != d->h_most || d->v[j] != d->v_most;
    if (!d->is_sampled) {
        d->h_most = d->v_most = 1;
        memset(d->h, 1, sizeof d->h);
        memset(d->v, 1, sizeof d->v);
    } else {
        for (uint32_t j = 0; j < components; j++)
            if (!d->takes_sampling || d->h_most % d->h[j] != 0 || d->v_most % d->v[j] != 0 ||
                d->image.rows % d->v_most != 0)
                return EDGE_UNSUPPORTED_SAMPLING;
    }
    d->image.bits_allocated = d->bounds.bits_allocated != 0 ? d->bounds.bits_allocated : d->precision <= 8 ? 8 : 16;
    d->image.bits_stored = d->precision;
    d->image.is_signed = d->bounds.is_signed;
    d->octets = d->image.bits_allocated / 8;
    d->stride = stride_of(d->image.columns);
    d->has_frame = 1;
    return EDGE_DONE;
}

static edge_result read_presets(decoder *d)
{
    const uint8_t *s = d->segment;

    if (d->got < 1)
        return EDGE_CORRUPT_HEADER;
    if (s[0] == 2 || s[0] == 3)
        return EDGE_DONE; /* a mapping table: refused where a scan uses it */
    if (s[0] != 1)
        return EDGE_UNSUPPORTED;
    if (d->got != 11)
        return EDGE_CORRUPT_HEADER;
    d->presets = (jls_presets){(uint16_t)get_16(s + 1), (uint16_t)get_16(s + 3), (uint16_t)get_16(s + 5),
                               (uint16_t)get_16(s + 7), (uint16_t)get_16(s + 9)};
    return EDGE_DONE;
}

static edge_result read_restart_rows(decoder *d)
{
    if (d->got < 2 || d->got > 4)
        return EDGE_CORRUPT_HEADER;
    d->restart_rows = 0;
    for (uint32_t i = 0; i < d->got; i++)
        d->restart_rows = d->restart_rows << 8 | d->segment[i];
    return EDGE_DONE;
}

static void begin_tape(decoder *d)
{
    d->waiting = 0;
    d->waiting_count = 0;
    d->ff_waits = d->found_marker = d->has_end = 0;
    d->taped = 0;
    d->tape_at = d->tape_end = 0;
}

static void begin_stripe(decoder *d)
{
    const size_t lines = (size_t)(d->last - d->first);

    jls_model_restart(&d->model);
    memset(d->lines, 0, 2 * lines * d->stride * sizeof d->lines[0]);
    d->restart_left = d->restart_rows;
    begin_tape(d);
}

/* Take up the coding parameters; they may change until the first octet of a scan. */
static edge_result begin_scan(decoder *d)
{
    if (!jls_model_set(&d->model, d->precision, d->model.near, &d->presets))
        return EDGE_CORRUPT_HEADER;
    begin_stripe(d);
    d->inside_scan = 0;
    d->stage = STAGE_LINE;
    return EDGE_DONE;
}

static edge_result read_scan(decoder *d)
{
    const uint8_t *s = d->segment;
    const uint32_t components = d->got >= 1 ? s[0] : 0;
    const int first = d->has_scan ? d->last : 0;
    int more_scans;

    if (!d->has_frame || components == 0 || components > JLS_COMPONENTS || d->got != 4 + 2 * components)
        return EDGE_CORRUPT_HEADER;
    for (uint32_t j = 0; j < components; j++) {
        if (first + (int)j >= d->image.components || s[1 + 2 * j] != d->ids[first + (int)j])
            return EDGE_UNSUPPORTED_SCANS;
        if (s[2 + 2 * j] != 0)
            return EDGE_UNSUPPORTED; /* a mapping table */
    }
    more_scans = components != d->image.components;
    if (more_scans && components != 1)
        return EDGE_UNSUPPORTED_SCANS;
    s += 1 + 2 * components;
    if (s[1] > 2 || (s[1] == 0 && components > 1))
        return EDGE_CORRUPT_HEADER;
    if (s[2] != 0)
        return EDGE_UNSUPPORTED; /* a point transform */
    d->interleave = components == 1 ? 0 : s[1];
    if (d->interleave == 2 && d->is_sampled)
        return EDGE_CORRUPT_HEADER;
    d->model.near = s[0];
    d->image.planar = more_scans || d->is_sampled;
    d->first = d->component = first;
    d->last = first + (int)components;
    d->line_of_component = 0;
    d->rows_left = d->image.rows / d->v_most * (d->interleave == 0 ? d->v[first] : 1);
    d->next_restart = 0;
    d->has_scan = d->is_fresh = 1;
    return begin_scan(d);
}

/* What the segments say that is ours, once the whole of one (or as much as is looked at) has been read. */
static edge_result read_segment(decoder *d)
{
    d->stage = STAGE_MARKER;
    switch (d->marker) {
    case SOF_LS:
        return read_frame(d);
    case LSE:
        return read_presets(d);
    case DRI:
        return read_restart_rows(d);
    case SOS:
        return read_scan(d);
    default:
        return EDGE_DONE;
    }
}

static edge_result read_marker(decoder *d)
{
    const uint8_t marker = d->marker;

    if (marker == EOI)
        return d->has_scan && d->last == d->image.components && !d->inside_scan ? state_keeps(&d->head, EDGE_DONE)
                                                                               : EDGE_CORRUPT_HEADER;
    if (d->has_scan && d->last == d->image.components && !d->inside_scan && marker == SOS)
        return EDGE_CORRUPT_HEADER;
    if (marker == DNL)
        return EDGE_UNSUPPORTED_DNL;
    if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC)
        return EDGE_UNSUPPORTED; /* a frame of T.81 */
    if (marker < 0xC0 || (marker >= 0xD0 && marker <= SOI) || (d->inside_scan && (marker == SOS || marker == SOF_LS)))
        return EDGE_CORRUPT_HEADER;
    d->stage = STAGE_LENGTH;
    d->got = 0;
    return EDGE_NEEDS_INPUT;
}

/* One octet of a header; EDGE_NEEDS_INPUT where it goes on. */
static edge_result read_octet(decoder *d, uint8_t octet)
{
    switch (d->stage) {
    case STAGE_START:
        if (octet != (d->marker_part ? SOI : 0xFF))
            return EDGE_CORRUPT_HEADER;
        d->stage = d->marker_part ? STAGE_MARKER : STAGE_START;
        d->marker_part ^= 1;
        break;
    case STAGE_MARKER:
        if (!d->marker_part) {
            if (octet == 0xFF)
                d->marker_part = 1;
            else
                return EDGE_CORRUPT_HEADER;
        } else if (octet != 0xFF) {
            d->marker_part = 0;
            d->marker = octet;
            return read_marker(d);
        }
        break;
    case STAGE_LENGTH:
        d->segment[d->got++] = octet;
        if (d->got == 2) {
            d->wanted = get_16(d->segment);
            if (d->wanted < 2)
                return EDGE_CORRUPT_HEADER;
            d->wanted -= 2;
            d->got = 0;
            d->stage = STAGE_SEGMENT;
        }
        break;
    default:
        d->segment[d->got++] = octet;
        break;
    }
    if (d->stage == STAGE_SEGMENT && (d->got == d->wanted || d->got == SEGMENT)) {
        const uint8_t was_inside = d->inside_scan;
        const uint32_t rest = d->wanted - d->got;
        const edge_result result = read_segment(d);
        if (result != EDGE_DONE)
            return result;
        d->wanted = rest;
        if (d->stage == STAGE_MARKER && rest > 0) {
            d->stage = STAGE_SKIP;
        } else if (d->stage == STAGE_MARKER && was_inside) {
            return begin_scan(d) == EDGE_DONE ? EDGE_NEEDS_INPUT : EDGE_CORRUPT_HEADER;
        }
    }
    return EDGE_NEEDS_INPUT;
}

/* ----------------------------------------------------------------------------------------------------------- tape */

/*
 * Copy octets to the tape, without the bit stuffed behind each 0xFF, until it is full, the input is used up, or a marker
 * is found. True when that helps: bits have been added, or the end has been seen.
 */
static int fill_tape(decoder *d, edge_io *io)
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

static uint16_t *line_of(decoder *d, int component, int above)
{
    const size_t lines = (size_t)(d->last - d->first);
    const size_t number = (size_t)(d->turn[component] ^ above) * lines + (size_t)(component - d->first);
    return d->lines + number * d->stride + JLS_PAD;
}

static uint32_t width_of(const decoder *d, int component)
{
    return (d->image.columns * d->h[component] + d->h_most - 1) / d->h_most;
}

/* Decode as much of a line as the tape has. EDGE_DONE: all of it, EDGE_NEEDS_INPUT, or an error. */
static edge_result decode_line(decoder *d, edge_io *io)
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
            d->at = d->way->decode_pixels(&d->model, over, line, d->stride, d->at, width, components, &tape, &d->damage);
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
static int give(decoder *d, edge_io *io)
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
            const uint16_t *const lines[3] = {line_of(d, 0, 0) + done, line_of(d, 1, 0) + done, line_of(d, 2, 0) + done};
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
static void end_line(decoder *d)
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
static edge_result end_stripe(decoder *d, edge_io *io)
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
        begin_stripe(d);
        d->stage = STAGE_LINE;
        return EDGE_DONE;
    }
    d->marker = d->found_marker;
    d->stage = STAGE_MARKER;
    return EDGE_DONE;
}

/* ----------------------------------------------------------------------------------------------------- the stream */

/* One step of what is done with the samples; EDGE_DONE to go on. */
static edge_result step(decoder *d, edge_io *io)
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
            begin_tape(d);
            result = read_marker(d);
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
            result = read_marker(d);
            return result == EDGE_NEEDS_INPUT || result == EDGE_DONE ? EDGE_DONE : result;
        }
        return result;
    default:
        return EDGE_BAD_STATE;
    }
}

static edge_result read_headers(decoder *d, edge_io *io)
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
                    const edge_result result = begin_scan(d);
                    if (result != EDGE_DONE)
                        return result;
                }
            }
            continue;
        }
        const edge_result result = read_octet(d, *io->in++);
        io->in_left--;
        if (result != EDGE_NEEDS_INPUT)
            return result;
    }
    return EDGE_DONE;
}

edge_result edge_jpeg_ls_decode(void *state, edge_io *io)
{
    decoder *d = state;
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
    const decoder *d = state;

    if (!state_is(state, KIND) || image == NULL)
        return EDGE_BAD_STATE;
    if (!d->has_scan)
        return EDGE_NEEDS_INPUT;
    *image = d->image;
    return EDGE_DONE;
}

edge_result edge_jpeg_ls_decoded_component(const void *state, int component, uint32_t *columns, uint32_t *rows)
{
    const decoder *d = state;

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
    const decoder *d = state;

    if (!state_is(state, KIND) || near == NULL)
        return EDGE_BAD_STATE;
    if (!d->has_scan)
        return EDGE_NEEDS_INPUT;
    *near = d->model.near;
    return EDGE_DONE;
}
