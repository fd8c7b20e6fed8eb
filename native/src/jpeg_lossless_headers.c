/* The marker segments of a lossless JPEG that is decoded. */

#include "jpeg_lossless_decoder.h"

static edge_result read_frame(lossless_decoder *d, const uint8_t *segment, size_t length)
{
    if (d->has_frame || length < 6 || length != 6 + 3u * segment[5])
        return EDGE_CORRUPT_HEADER;
    d->precision = segment[0];
    d->rows = load_16_big(segment + 1);
    d->columns = load_16_big(segment + 3);
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

static edge_result read_tables(lossless_decoder *d, const uint8_t *segment, size_t length)
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

static edge_result read_restart_interval(lossless_decoder *d, const uint8_t *segment, size_t length)
{
    if (length != 2)
        return EDGE_CORRUPT_HEADER;
    d->restart_interval = load_16_big(segment);
    return EDGE_DONE;
}

/* The components of a scan, and whether they can be handed out. */
static edge_result read_scan_components(lossless_decoder *d, const uint8_t *segment, const code_table **tables)
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

void edge_lossless_begin_interval(lossless_decoder *d)
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

static edge_result read_scan(lossless_decoder *d, const uint8_t *segment, size_t length)
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
    edge_lossless_begin_interval(d);
    return EDGE_DONE;
}

/* What comes with a marker. */
edge_result edge_lossless_begin_marker(lossless_decoder *d, unsigned marker)
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

edge_result edge_lossless_begin_segment(lossless_decoder *d)
{
    const size_t length = load_16_big(d->stage);

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

edge_result edge_lossless_read_segment(lossless_decoder *d)
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
