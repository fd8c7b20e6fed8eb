/*
 * Decode DICOM RLE as a stream.
 *
 * A decoder with the whole input unpacks the planes of a group abreast, a chunk of each in turn; from a stream it keeps
 * the planes of a group until the last of them comes.
 */

#include "packbits.h"
#include "rle_layout.h"
#include "state.h"

enum {
    DECODER = 0x64525645, /* what the state begins with */
    DRIP = 1024,          /* octets of pixels that wait for room */
    UNPACKED = 5888,      /* octets of planes that are unpacked and not yet merged */
    CHUNK_EXTRA = PACKBITS_LONGEST,
};

typedef struct decoder {
    state_head head;
    edge_image image;
    rle_layout layout;
    uint8_t whole_input;
    uint8_t has_header;
    uint8_t header[RLE_HEADER];
    size_t header_octets;
    uint32_t ends[PLANES_MOST]; /* where in the stream each segment ends: the last goes on to the end of the input */
    /* The group of planes that is merged now, and the pixels of it. */
    uint32_t group;
    size_t chunk;        /* the most pixels at a time */
    size_t done;         /* pixels merged */
    size_t ready;        /* pixels of this chunk that every plane has, and how many of them are merged */
    size_t merged;
    size_t at[PLANES_MOST];   /* whole input: where in it each plane of the group goes on */
    size_t have[PLANES_MOST]; /* octets in each plane's part of `unpacked` */
    /* Stream: the segment that comes now, and how far the input was taken. */
    uint32_t plane;
    size_t position;
    size_t filled; /* octets of the plane, where it is held */
    size_t packet_octets;
    uint8_t packet[PACKBITS_PACKET];
    size_t pending_at, pending;
    uint8_t pixels[DRIP];
    uint8_t unpacked[UNPACKED];
    uint8_t held[]; /* stream: all planes of a group but the last */
} decoder;

/* Octets of planes that a decoder holds; what unpacking writes too much goes into the next plane, or behind all. */
static size_t held_octets(const rle_layout *of, int whole_input)
{
    return whole_input || of->stride == 1 ? 0 : of->octets * (of->stride - 1) + CHUNK_EXTRA;
}

size_t edge_rle_decoder_size(const edge_image *image, int whole_input)
{
    rle_layout of;

    return rle_layout_of(image, &of) ? sizeof(decoder) + held_octets(&of, whole_input) : 0;
}

edge_result edge_rle_decode_begin(void *state, size_t size, const edge_image *image, int whole_input)
{
    decoder *d = state;
    rle_layout of;

    if (!rle_layout_of(image, &of))
        return EDGE_BAD_IMAGE;
    if (!state_fits(state, size, edge_rle_decoder_size(image, whole_input)))
        return EDGE_BAD_STATE;
    memset(d, 0, offsetof(decoder, pixels));
    d->head.kind = DECODER;
    d->head.outcome = EDGE_NEEDS_INPUT;
    d->image = *image;
    d->layout = of;
    d->whole_input = whole_input != 0;
    d->chunk = UNPACKED / (whole_input ? of.stride : 1) - CHUNK_EXTRA;
    return EDGE_NEEDS_INPUT;
}

static edge_result read_header(decoder *d)
{
    const uint32_t planes = d->layout.planes;
    uint32_t last = RLE_HEADER - 1;

    if (load_32(d->header) != planes)
        return EDGE_CORRUPT_HEADER;
    for (uint32_t plane = 0; plane < planes; plane++) {
        const uint32_t offset = load_32(d->header + 4 + 4 * plane);
        if (offset <= last)
            return EDGE_CORRUPT_HEADER;
        if (plane > 0)
            d->ends[plane - 1] = offset;
        last = offset;
    }
    d->ends[planes - 1] = UINT32_MAX;
    d->has_header = 1;
    return EDGE_DONE;
}

static size_t segment_begin(const decoder *d, uint32_t plane)
{
    return load_32(d->header + 4 + 4 * plane);
}

/*
 * The last packet of a plane may say more than the plane has room for, and its segment may end before that.
 * `missing` are the octets that the plane still needs. Returns whether they were there.
 */
static int take_cut_packet(const uint8_t *packet, size_t length, uint8_t *octets, size_t missing)
{
    if (length < 2 || packet[0] >= 128 || (size_t)packet[0] + 1 < missing || length - 1 < missing)
        return 0;
    memcpy(octets, packet + 1, missing);
    return 1;
}

/* Merge the chunk into the output; return whether all of it went. */
static int merge_chunk(decoder *d, const uint8_t *const *planes, edge_io *io)
{
    const size_t stride = d->layout.stride;

    for (;;) {
        const uint8_t *from[PLANES_MOST];
        size_t count = d->ready - d->merged;

        if (!rle_drip(io, d->pixels, &d->pending_at, &d->pending))
            return 0;
        if (count == 0)
            return 1;
        for (size_t octet = 0; octet < stride; octet++)
            from[octet] = planes[octet] + d->merged;
        if (io->out_left >= stride) {
            if (count > io->out_left / stride)
                count = io->out_left / stride;
            edge_planes_merge(from, stride, count, io->out);
            io->out += count * stride;
            io->out_left -= count * stride;
        } else {
            if (count > DRIP / stride)
                count = DRIP / stride;
            edge_planes_merge(from, stride, count, d->pixels);
            d->pending_at = 0;
            d->pending = count * stride;
        }
        d->merged += count;
    }
}

static size_t chunk_of(const decoder *d)
{
    const size_t left = d->layout.octets - d->done;
    return left < d->chunk ? left : d->chunk;
}

/* The pixels of a chunk are out; return whether they were the last of their group. */
static int chunk_is_done(decoder *d)
{
    d->done += d->ready;
    d->ready = d->merged = 0;
    if (d->done < d->layout.octets)
        return 0;
    d->done = 0;
    d->group++;
    return 1;
}

/* Where plane `in_group` of the group stands in the whole input. */
static packbits_cursor cursor_of(decoder *d, uint32_t in_group, size_t wanted, const edge_io *io)
{
    const uint32_t end = d->ends[d->group * d->layout.stride + in_group];
    const packbits_cursor cursor = {
        .packets = io->in,
        .length = end < io->in_left ? end : io->in_left,
        .at = d->at[in_group],
        .octets = d->unpacked + in_group * (d->chunk + CHUNK_EXTRA),
        .have = d->have[in_group],
        .wanted = wanted,
    };
    return cursor;
}

/* Unpack the next chunk of each plane of the group. */
static edge_result unpack_chunk(decoder *d, const edge_io *io)
{
    const size_t wanted = chunk_of(d);
    const uint32_t stride = d->layout.stride;
    packbits_cursor cursors[3];

    for (uint32_t first = 0; first < stride; first += 3) {
        const uint32_t abreast = stride - first < 3 ? stride - first : 3;
        for (uint32_t k = 0; k < abreast; k++)
            cursors[k] = cursor_of(d, first + k, wanted, io);
        edge_packbits_unpack(cursors, abreast);
        for (uint32_t k = 0; k < abreast; k++) {
            packbits_cursor *c = &cursors[k];
            if (c->have < wanted) {
                const uint32_t end = d->ends[d->group * stride + first + k];
                const size_t missing = wanted - c->have;
                if (d->done + wanted < d->layout.octets || c->at >= c->length ||
                    !take_cut_packet(c->packets + c->at, c->length - c->at, c->octets + c->have, missing))
                    return end <= io->in_left ? EDGE_CORRUPT : EDGE_TRUNCATED;
                c->at += 1 + missing;
                c->have = wanted;
            }
            d->at[first + k] = c->at;
            d->have[first + k] = c->have;
        }
    }
    d->ready = wanted;
    return EDGE_DONE;
}

static edge_result decode_whole(decoder *d, edge_io *io)
{
    const uint32_t stride = d->layout.stride;
    const uint32_t groups = d->layout.planes / stride;
    const uint8_t *planes[PLANES_MOST] = {NULL};

    if (!d->has_header) {
        if (io->in_left < RLE_HEADER)
            return EDGE_TRUNCATED;
        memcpy(d->header, io->in, RLE_HEADER);
        const edge_result header = read_header(d);
        if (header != EDGE_DONE)
            return header;
    }
    for (uint32_t in_group = 0; in_group < stride; in_group++)
        planes[rle_octet_of(&d->layout, in_group)] = d->unpacked + in_group * (d->chunk + CHUNK_EXTRA);

    while (d->group < groups) {
        if (d->ready == 0) {
            if (d->done == 0)
                for (uint32_t in_group = 0; in_group < stride; in_group++) {
                    d->at[in_group] = segment_begin(d, d->group * stride + in_group);
                    d->have[in_group] = 0;
                }
            const edge_result result = unpack_chunk(d, io);
            if (result != EDGE_DONE)
                return result;
        }
        if (!merge_chunk(d, planes, io))
            return EDGE_NEEDS_OUTPUT;
        for (uint32_t in_group = 0; in_group < stride; in_group++) {
            uint8_t *octets = d->unpacked + in_group * (d->chunk + CHUNK_EXTRA);
            d->have[in_group] -= d->ready;
            memmove(octets, octets + d->ready, d->have[in_group]);
        }
        chunk_is_done(d);
    }
    if (io->in_left < d->at[stride - 1])
        return EDGE_TRUNCATED;
    io->in += d->at[stride - 1];
    io->in_left -= d->at[stride - 1];
    return EDGE_DONE;
}

static void take_in(decoder *d, edge_io *io, size_t count)
{
    io->in += count;
    io->in_left -= count;
    d->position += count;
}

/* Unpack from the input into a plane that has `have` octets and wants `wanted`; how many it has then. */
static size_t unpack_stream(decoder *d, edge_io *io, uint8_t *octets, size_t have, size_t wanted, size_t whole)
{
    while (have < wanted && io->in_left > 0 && d->position < d->ends[d->plane]) {
        const size_t segment = d->ends[d->plane] - d->position;
        const size_t window = io->in_left < segment ? io->in_left : segment;

        if (d->packet_octets == 0) {
            packbits_cursor c = {io->in, window, 0, octets, have, wanted};
            edge_packbits_unpack(&c, 1);
            have = c.have;
            take_in(d, io, c.at);
            if (have >= wanted || c.at == window)
                continue;
        }
        /* What is left is the beginning of a packet: collect it until it can be unpacked, or its plane is full. */
        d->packet[d->packet_octets++] = *io->in;
        take_in(d, io, 1);
        packbits_cursor c = {d->packet, d->packet_octets, 0, octets, have, have + 1};
        edge_packbits_unpack(&c, 1);
        if (c.at > 0) {
            have = c.have;
            d->packet_octets = 0;
        } else if (take_cut_packet(d->packet, d->packet_octets, octets + have, whole - have)) {
            have = whole;
            d->packet_octets = 0;
        }
    }
    return have;
}

static edge_result decode_stream(decoder *d, edge_io *io)
{
    const uint32_t stride = d->layout.stride;
    const uint8_t *planes[PLANES_MOST] = {NULL};

    while (!d->has_header) {
        if (io->in_left == 0)
            return EDGE_NEEDS_INPUT;
        d->header[d->header_octets++] = *io->in;
        take_in(d, io, 1);
        if (d->header_octets == RLE_HEADER) {
            const edge_result header = read_header(d);
            if (header != EDGE_DONE)
                return header;
        }
    }
    while (d->plane < d->layout.planes) {
        const uint32_t in_group = d->plane % stride;

        if (d->ready == 0) { /* otherwise the chunk must go out first */
            const size_t begin = segment_begin(d, d->plane);
            if (d->position < begin)
                take_in(d, io, io->in_left < begin - d->position ? io->in_left : begin - d->position);
            if (d->position < begin)
                return EDGE_NEEDS_INPUT;
            if (in_group < stride - 1) {
                uint8_t *plane = d->held + in_group * d->layout.octets;
                d->filled = unpack_stream(d, io, plane, d->filled, d->layout.octets, d->layout.octets);
                if (d->filled < d->layout.octets)
                    return d->position < d->ends[d->plane] ? EDGE_NEEDS_INPUT : EDGE_CORRUPT;
                d->filled = 0;
                d->plane++;
                continue;
            }
            const size_t wanted = chunk_of(d);
            d->have[0] = unpack_stream(d, io, d->unpacked, d->have[0], wanted, d->layout.octets - d->done);
            if (d->have[0] < wanted)
                return d->position < d->ends[d->plane] ? EDGE_NEEDS_INPUT : EDGE_CORRUPT;
            d->ready = wanted;
        }
        for (uint32_t plane = 0; plane < stride - 1; plane++)
            planes[rle_octet_of(&d->layout, plane)] = d->held + plane * d->layout.octets + d->done;
        planes[rle_octet_of(&d->layout, stride - 1)] = d->unpacked;
        if (!merge_chunk(d, planes, io))
            return EDGE_NEEDS_OUTPUT;
        d->have[0] -= d->ready;
        memmove(d->unpacked, d->unpacked + d->ready, d->have[0]);
        if (chunk_is_done(d)) {
            d->have[0] = 0;
            d->plane++;
        }
    }
    return EDGE_DONE;
}

edge_result edge_rle_decode(void *state, edge_io *io)
{
    decoder *d = state;

    if (!state_is(state, DECODER) || io == NULL)
        return EDGE_BAD_STATE;
    if (d->head.outcome <= EDGE_DONE)
        return d->head.outcome;

    edge_result result = d->whole_input ? decode_whole(d, io) : decode_stream(d, io);
    if (result == EDGE_NEEDS_INPUT && io->in_ended && io->in_left == 0)
        result = EDGE_TRUNCATED;
    return state_keeps(&d->head, result);
}
