/*
 * Encode DICOM RLE as a stream: octet planes, PackBits, and the header of offsets before them.
 *
 * A plane is coded in blocks: a row, or a row's equal parts where it is longer than PACKBITS_BLOCK. A block has its
 * own packets, so that the stream is the same whether its pixels came in one piece or in many.
 *
 * The offsets come first and depend on every packet but the last plane's. An encoder that is given enough room writes
 * the packets behind a gap for the header and fills it in; otherwise it packs twice, the first time only to count.
 */

#include "packbits.h"
#include "rle_layout.h"
#include "state.h"

enum { ENCODER = 0x65525645 /* what the state begins with */ };

enum { GATHERING, COUNTING, HEADING, PACKING };

typedef struct encoder {
    state_head head;
    edge_image image;
    rle_layout layout;
    uint32_t blocks; /* of a row */
    uint8_t whole_input;
    uint8_t phase;
    /* The block that comes next. */
    uint32_t plane, row, block;
    uint32_t segment; /* octets of the current segment so far */
    uint32_t sizes[PLANES_MOST];
    size_t gathered; /* octets in `held`, or in `octets` where there is only one plane */
    size_t pending_at, pending;
    uint8_t octets[PACKBITS_BLOCK];
    uint8_t packets[PACKBITS_BLOCK + PACKBITS_BLOCK / PACKBITS_LONGEST + 1 + PACKBITS_SLACK];
    uint8_t held[]; /* all pixels, unless they come whole or stream through */
} encoder;

/* One plane needs no look ahead: its only offset is 64. */
static int streams(const rle_layout *of, int whole_input)
{
    return of->planes == 1 && !whole_input;
}

static uint32_t blocks_of(uint32_t columns)
{
    return (columns + PACKBITS_BLOCK - 1) / PACKBITS_BLOCK;
}

static size_t block_begin(const encoder *e, uint32_t block)
{
    return (size_t)((uint64_t)e->image.columns * block / e->blocks);
}

size_t edge_rle_encoder_size(const edge_image *image, int whole_input)
{
    rle_layout of;

    if (!rle_layout_of(image, &of))
        return 0;
    return sizeof(encoder) + (whole_input || streams(&of, whole_input) ? 0 : edge_image_octets(image));
}

size_t edge_rle_encoded_limit(const edge_image *image)
{
    rle_layout of;
    size_t row = 0;

    if (!rle_layout_of(image, &of))
        return 0;
    const uint32_t blocks = blocks_of(image->columns);
    for (uint32_t block = 0; block < blocks; block++)
        row += packbits_limit((size_t)((uint64_t)image->columns * (block + 1) / blocks) -
                              (size_t)((uint64_t)image->columns * block / blocks));
    return RLE_HEADER + of.planes * (row * image->rows + 1) + PACKBITS_SLACK;
}

edge_result edge_rle_encode_begin(void *state, size_t size, const edge_image *image, int whole_input)
{
    encoder *e = state;
    rle_layout of;

    if (!rle_layout_of(image, &of))
        return EDGE_BAD_IMAGE;
    if (!state_fits(state, size, edge_rle_encoder_size(image, whole_input)))
        return EDGE_BAD_STATE;
    memset(e, 0, offsetof(encoder, octets));
    e->head.kind = ENCODER;
    e->head.outcome = EDGE_NEEDS_INPUT;
    e->image = *image;
    e->layout = of;
    e->blocks = blocks_of(image->columns);
    e->whole_input = whole_input != 0;
    e->phase = streams(&of, whole_input) ? HEADING : GATHERING;
    return EDGE_NEEDS_INPUT;
}

static void write_header(const encoder *e, uint8_t *header)
{
    uint32_t offset = RLE_HEADER;

    memset(header, 0, RLE_HEADER);
    store_32(header, e->layout.planes);
    for (uint32_t plane = 0; plane < e->layout.planes; plane++) {
        store_32(header + 4 + 4 * plane, offset);
        offset += e->sizes[plane];
    }
}

/* The next block's octets in their plane: where they are, if that is in one piece, otherwise copied out of `pixels`. */
static const uint8_t *block_octets(encoder *e, const uint8_t *pixels, size_t *count)
{
    const size_t begin = block_begin(e, e->block);
    const uint32_t group = e->plane / e->layout.stride;
    const size_t pixel = (size_t)e->row * e->image.columns + begin;

    *count = block_begin(e, e->block + 1) - begin;
    pixels += (e->layout.octets * group + pixel) * e->layout.stride;
    if (e->layout.stride == 1)
        return pixels;
    edge_planes_take(pixels, e->layout.stride, rle_octet_of(&e->layout, e->plane), *count, e->octets);
    return e->octets;
}

/* Account for a packed block of `size` octets, pad the end of a segment (`packets` has room for it); the size then. */
static size_t block_is_packed(encoder *e, uint8_t *packets, size_t size)
{
    if (++e->block == e->blocks) {
        e->block = 0;
        e->row++;
    }
    e->segment += (uint32_t)size;
    if (e->row == e->image.rows) {
        if (e->segment % 2 != 0) {
            packets[size++] = 0;
            e->segment++;
        }
        e->sizes[e->plane++] = e->segment;
        e->segment = 0;
        e->row = 0;
    }
    return size;
}

/* Pack all that is left, as long as there is room for the longest block. */
static void pack_into(encoder *e, const uint8_t *pixels, edge_io *io)
{
    while (e->plane < e->layout.planes && io->out_left >= sizeof e->packets + 1) {
        size_t count;
        const uint8_t *octets = block_octets(e, pixels, &count);
        const size_t size = block_is_packed(e, io->out, edge_packbits_pack(octets, count, io->out));
        io->out += size;
        io->out_left -= size;
    }
}

static void pack_to_pending(encoder *e, const uint8_t *octets, size_t count)
{
    e->pending_at = 0;
    e->pending = block_is_packed(e, e->packets, edge_packbits_pack(octets, count, e->packets));
}

/* All pixels are at hand. */
static edge_result encode_whole(encoder *e, const uint8_t *pixels, edge_io *io)
{
    size_t count;

    if (e->phase == GATHERING && io->out_left >= edge_rle_encoded_limit(&e->image)) {
        uint8_t *const header = io->out;
        io->out += RLE_HEADER;
        io->out_left -= RLE_HEADER;
        pack_into(e, pixels, io);
        while (e->plane < e->layout.planes) { /* the last blocks: there is room for them, but not for any block */
            const uint8_t *octets = block_octets(e, pixels, &count);
            pack_to_pending(e, octets, count);
            rle_drip(io, e->packets, &e->pending_at, &e->pending);
        }
        write_header(e, header);
        return EDGE_DONE;
    }
    if (e->phase == GATHERING) {
        while (e->plane < e->layout.planes) {
            const uint8_t *octets = block_octets(e, pixels, &count);
            pack_to_pending(e, octets, count);
        }
        e->plane = 0;
        e->phase = HEADING;
    }
    if (e->phase == HEADING) {
        write_header(e, e->packets);
        e->pending_at = 0;
        e->pending = RLE_HEADER;
        e->phase = PACKING;
    }
    for (;;) {
        if (!rle_drip(io, e->packets, &e->pending_at, &e->pending))
            return EDGE_NEEDS_OUTPUT;
        pack_into(e, pixels, io);
        if (e->plane == e->layout.planes)
            return EDGE_DONE;
        const uint8_t *octets = block_octets(e, pixels, &count);
        pack_to_pending(e, octets, count);
    }
}

/* One plane: block by block from the input as it comes. */
static edge_result encode_stream(encoder *e, edge_io *io)
{
    if (e->phase == HEADING) {
        write_header(e, e->packets);
        e->pending = RLE_HEADER;
        e->phase = PACKING;
    }
    for (;;) {
        if (!rle_drip(io, e->packets, &e->pending_at, &e->pending))
            return EDGE_NEEDS_OUTPUT;
        if (e->plane == e->layout.planes)
            return EDGE_DONE;

        const size_t count = block_begin(e, e->block + 1) - block_begin(e, e->block);
        const uint8_t *octets = e->octets;
        size_t taken = count - e->gathered;
        if (taken == count && io->in_left >= count) {
            octets = io->in;
        } else {
            if (taken > io->in_left)
                taken = io->in_left;
            if (taken > 0)
                memcpy(e->octets + e->gathered, io->in, taken);
            e->gathered += taken;
        }
        if (taken > 0)
            io->in += taken;
        io->in_left -= taken;
        if (octets == e->octets && e->gathered < count)
            return io->in_ended ? EDGE_TRUNCATED : EDGE_NEEDS_INPUT;
        e->gathered = 0;
        if (io->out_left >= sizeof e->packets + 1) {
            const size_t size = block_is_packed(e, io->out, edge_packbits_pack(octets, count, io->out));
            io->out += size;
            io->out_left -= size;
        } else {
            pack_to_pending(e, octets, count);
        }
    }
}

edge_result edge_rle_encode(void *state, edge_io *io)
{
    encoder *e = state;

    if (!state_is(state, ENCODER) || io == NULL)
        return EDGE_BAD_STATE;
    if (e->head.outcome <= EDGE_DONE)
        return e->head.outcome;
    if (streams(&e->layout, e->whole_input))
        return state_keeps(&e->head, encode_stream(e, io));

    const size_t octets = edge_image_octets(&e->image);
    if (e->whole_input) {
        if (io->in_left < octets)
            return state_keeps(&e->head, EDGE_TRUNCATED);
        const edge_result result = encode_whole(e, io->in, io);
        if (result == EDGE_DONE) {
            io->in += octets;
            io->in_left -= octets;
        }
        return state_keeps(&e->head, result);
    }
    if (e->gathered < octets) {
        const size_t missing = octets - e->gathered;
        const size_t taken = missing < io->in_left ? missing : io->in_left;
        if (taken > 0) {
            memcpy(e->held + e->gathered, io->in, taken);
            io->in += taken;
            io->in_left -= taken;
            e->gathered += taken;
        }
        if (e->gathered < octets)
            return io->in_ended ? state_keeps(&e->head, EDGE_TRUNCATED) : EDGE_NEEDS_INPUT;
    }
    return state_keeps(&e->head, encode_whole(e, e->held, io));
}
