/* The marker segments of a JPEG-LS stream that is decoded, an octet at a time. */

#include "jpeg_ls_headers.h"

static edge_result read_frame(jls_decoder *d)
{
    const uint8_t *s = d->segment;
    const uint32_t components = d->got >= 6 ? s[5] : 0;

    if (d->has_frame || d->got < 6 || d->got != 6 + 3 * components || components == 0)
        return EDGE_CORRUPT_HEADER;
    d->precision = s[0];
    d->image.rows = load_16_big(s + 1);
    d->image.columns = load_16_big(s + 3);
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
    d->stride = jls_stride_of(d->image.columns);
    d->has_frame = 1;
    return EDGE_DONE;
}

static edge_result read_presets(jls_decoder *d)
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
    d->presets = (jls_presets){(uint16_t)load_16_big(s + 1), (uint16_t)load_16_big(s + 3), (uint16_t)load_16_big(s + 5),
                               (uint16_t)load_16_big(s + 7), (uint16_t)load_16_big(s + 9)};
    return EDGE_DONE;
}

static edge_result read_restart_rows(jls_decoder *d)
{
    if (d->got < 2 || d->got > 4)
        return EDGE_CORRUPT_HEADER;
    d->restart_rows = 0;
    for (uint32_t i = 0; i < d->got; i++)
        d->restart_rows = d->restart_rows << 8 | d->segment[i];
    return EDGE_DONE;
}

void jls_begin_tape(jls_decoder *d)
{
    d->waiting = 0;
    d->waiting_count = 0;
    d->ff_waits = d->found_marker = d->has_end = 0;
    d->taped = 0;
    d->tape_at = d->tape_end = 0;
}

void jls_begin_stripe(jls_decoder *d)
{
    const size_t lines = (size_t)(d->last - d->first);

    jls_model_restart(&d->model);
    memset(d->lines, 0, 2 * lines * d->stride * sizeof d->lines[0]);
    d->restart_left = d->restart_rows;
    jls_begin_tape(d);
}

/* Take up the coding parameters; they may change until the first octet of a scan. */
edge_result jls_begin_scan(jls_decoder *d)
{
    if (!jls_model_set(&d->model, d->precision, d->model.near, &d->presets))
        return EDGE_CORRUPT_HEADER;
    jls_begin_stripe(d);
    d->inside_scan = 0;
    d->stage = STAGE_LINE;
    return EDGE_DONE;
}

static edge_result read_scan(jls_decoder *d)
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
    return jls_begin_scan(d);
}

/* What the segments say that is ours, once the whole of one (or as much as is looked at) has been read. */
static edge_result read_segment(jls_decoder *d)
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

edge_result jls_read_marker(jls_decoder *d)
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
edge_result jls_read_header_octet(jls_decoder *d, uint8_t octet)
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
            return jls_read_marker(d);
        }
        break;
    case STAGE_LENGTH:
        d->segment[d->got++] = octet;
        if (d->got == 2) {
            d->wanted = load_16_big(d->segment);
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
            return jls_begin_scan(d) == EDGE_DONE ? EDGE_NEEDS_INPUT : EDGE_CORRUPT_HEADER;
        }
    }
    return EDGE_NEEDS_INPUT;
}
