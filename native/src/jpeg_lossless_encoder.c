/*
 * Encode lossless JPEG (T.81 Process 14) as a stream of rows.
 *
 * Two passes: the first counts the categories of all differences, the tables follow, and the second writes. It takes
 * the rows twice, so that the state holds them all or the caller gives them in one piece. One pass: the tables are made
 * from the statistics of an earlier frame, with a code for every category, and the rows stream through; the state then
 * holds the row above and the row that is being gathered.
 *
 * Components that lie side by side share one table unless that costs more than a five hundredth: most colour images
 * have components alike, and with one table more differences can be written, and read, at a time.
 */

#include "bits.h"
#include "differences.h"
#include "state.h"
#include "stuffing.h"

enum {
    ENCODER = 0x654A5645, /* what the state begins with */
    HEADER_MOST = 256,
    PENDING = 2 * DIFFERENCES_BITS + STUFF_SLACK + HEADER_MOST,
};

enum { COUNTING, HEADING, WRITING, ENDING, ENDED };

typedef struct encoder {
    state_head head;
    edge_image image;
    edge_jpeg_lossless_options options;
    sample_form form;
    uint8_t precision;
    uint8_t is_direct;  /* samples are used where they lie */
    uint8_t in_scan;    /* components of a scan */
    uint8_t holds;      /* the state has room for all pixels */
    uint8_t passes;     /* 1 or 2 */
    uint8_t phase;
    uint8_t tables;     /* how many Huffman tables there are: 1, or one for each component */
    uint8_t next_restart;
    size_t row_octets;  /* of a scan's row */
    size_t row_samples;
    size_t gathered;    /* octets of pixels, or of the row, that the state has */
    uint32_t scan, row; /* what comes next */
    uint32_t rows_to_restart;
    size_t done;        /* samples of the row */
    size_t pending_at, pending;
    bit_end end;
    huffman_code codes[4];
    category_counts counts[4]; /* of each scan */
    uint16_t differences[DIFFERENCES_MOST + 16];
    uint16_t samples[2][DIFFERENCES_MOST + 16]; /* where they are not used directly: the row's, and those above */
    uint8_t bits[DIFFERENCES_BITS];
    uint8_t waiting[PENDING];
    uint8_t held[]; /* all pixels; or two rows: the one being gathered and the one above */
} encoder;

static int options_are_good(const edge_image *image, const edge_jpeg_lossless_options *options)
{
    return options != NULL && options->predictor >= 1 && options->predictor <= 7 && options->passes <= 2 &&
           options->whole_input <= 1 && options->point_transform < image->bits_stored &&
           (uint64_t)options->restart_rows * image->columns <= 65535;
}

static int image_is_good(const edge_image *image)
{
    return edge_image_octets(image) > 0 && image->bits_allocated <= 16 && image->planar <= 1 && image->is_signed <= 1 &&
           image->drops_high_bits <= 1;
}

static size_t row_octets_of(const edge_image *image)
{
    return (size_t)image->columns * (image->planar ? 1u : image->components) * (image->bits_allocated / 8u);
}

static size_t size_for(const edge_image *image, const edge_jpeg_lossless_options *options, unsigned passes)
{
    if (options->whole_input)
        return sizeof(encoder);
    return sizeof(encoder) + (passes == 2 ? edge_image_octets(image) : 2 * row_octets_of(image));
}

size_t edge_jpeg_lossless_encoder_size(const edge_image *image, const edge_jpeg_lossless_options *options)
{
    if (!image_is_good(image) || !options_are_good(image, options))
        return 0;
    return size_for(image, options, options->passes == 1 ? 1 : 2);
}

/* How samples become 16-bit ones; see the header for the choice of P. */
static void choose_form(encoder *e)
{
    const edge_image *image = &e->image;
    const uint16_t stored = (uint16_t)((1u << image->bits_stored) - 1u);

    e->precision = image->bits_stored < 2 ? 2 : image->bits_stored;
    if (image->is_signed && image->bits_allocated == 16)
        e->precision = 16;
    e->form.octets = image->bits_allocated / 8;
    e->form.shift = e->options.point_transform;
    e->form.keep = stored;
    e->form.sign = (uint16_t)(image->is_signed ? 1u << (image->bits_stored - 1u) : 0u);
    e->form.mask = (uint16_t)((1u << e->precision) - 1u);
    e->is_direct = image->bits_allocated == 16 && e->form.shift == 0 &&
                   (!image->drops_high_bits || image->bits_stored == 16);
}

/* Tables for one pass: every category that can occur gets a code. */
static void tables_from(encoder *e, const edge_jpeg_lossless_statistics *statistics);

edge_result edge_jpeg_lossless_encode_begin(void *state, size_t size, const edge_image *image,
                                            const edge_jpeg_lossless_options *options,
                                            const edge_jpeg_lossless_statistics *statistics)
{
    encoder *e = state;

    if (!image_is_good(image))
        return EDGE_BAD_IMAGE;
    if (!options_are_good(image, options))
        return EDGE_BAD_OPTION;
    unsigned passes = options->passes;
    if (passes == 0)
        passes = size >= size_for(image, options, 2) ? 2 : 1;
    if (!state_fits(state, size, size_for(image, options, passes)))
        return EDGE_BAD_STATE;

    memset(e, 0, offsetof(encoder, differences));
    e->head.kind = ENCODER;
    e->head.outcome = EDGE_NEEDS_INPUT;
    e->image = *image;
    e->options = *options;
    e->passes = (uint8_t)passes;
    e->holds = passes == 2 && !options->whole_input;
    e->in_scan = image->planar ? 1 : image->components;
    e->row_octets = row_octets_of(image);
    e->row_samples = (size_t)image->columns * e->in_scan;
    choose_form(e);
    if (passes == 1) {
        tables_from(e, statistics);
        e->phase = HEADING;
    }
    return EDGE_NEEDS_INPUT;
}

/* ------------------------------------------------------------------------------------------------------- tables */

/* One table for components side by side, where that costs little; planar ones have a scan and a table each. */
static void choose_tables(encoder *e, const uint64_t (*counts)[HUFFMAN_CATEGORIES])
{
    const unsigned components = e->image.components;
    uint64_t apart = 0, sum[HUFFMAN_CATEGORIES] = {0};
    huffman_code shared;

    for (unsigned k = 0; k < components; k++) {
        edge_huffman_make(counts[k], &e->codes[k]);
        apart += edge_huffman_cost(counts[k], &e->codes[k]);
        for (unsigned i = 0; i < HUFFMAN_CATEGORIES; i++)
            sum[i] += counts[k][i];
    }
    e->tables = (uint8_t)components;
    if (e->in_scan == 1)
        return;
    edge_huffman_make(sum, &shared);
    if (edge_huffman_cost(sum, &shared) <= apart + apart / 500) {
        e->codes[0] = shared;
        e->tables = 1;
    }
}

static void tables_from(encoder *e, const edge_jpeg_lossless_statistics *statistics)
{
    /* Without statistics: of a thousand differences in a radiograph or a slice, about so many. */
    static const uint16_t usual[HUFFMAN_CATEGORIES] = {120, 130, 150, 170, 160, 110, 70, 40, 20,
                                                       12,  8,   4,   2,   1,   1,   1,  1};
    /* Predictions 4 to 6 leave the range of samples, so that differences may take a bit more. */
    const unsigned depth = (unsigned)e->precision - e->form.shift + (e->options.predictor >= 4);
    const unsigned possible = depth < 16 ? depth : 16;
    uint64_t counts[4][HUFFMAN_CATEGORIES] = {{0}};

    for (unsigned k = 0; k < e->image.components; k++)
        for (unsigned i = 0; i <= possible; i++)
            counts[k][i] = UINT64_C(1) + (statistics ? statistics->counts[k][i] : usual[i]);
    choose_tables(e, (const uint64_t(*)[HUFFMAN_CATEGORIES])counts);
}

/* The counts of component k, in whichever scan it was. */
static void gather_counts(const encoder *e, uint64_t (*counts)[HUFFMAN_CATEGORIES])
{
    for (unsigned k = 0; k < e->image.components; k++)
        memcpy(counts[k], e->in_scan == 1 ? e->counts[k].sums[0] : e->counts[0].sums[k], sizeof counts[k]);
}

edge_result edge_jpeg_lossless_encoded_statistics(const void *state, edge_jpeg_lossless_statistics *statistics)
{
    const encoder *e = state;
    uint64_t counts[4][HUFFMAN_CATEGORIES] = {{0}};

    if (!state_is(state, ENCODER) || statistics == NULL || e->head.outcome != EDGE_DONE)
        return EDGE_BAD_STATE;
    gather_counts(e, counts);
    for (unsigned k = 0; k < 4; k++)
        for (unsigned i = 0; i < HUFFMAN_CATEGORIES; i++)
            statistics->counts[k][i] = (uint32_t)counts[k][i]; /* at most 65535 x 65535 */
    return EDGE_DONE;
}

/* ------------------------------------------------------------------------------------------------------ headers */

static uint8_t *put_16(uint8_t *to, unsigned value)
{
    *to++ = (uint8_t)(value >> 8);
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_scan_header(const encoder *e, uint8_t *to)
{
    to = put_16(to, 0xFFDA);
    to = put_16(to, 6u + 2u * e->in_scan);
    *to++ = e->in_scan;
    for (unsigned k = e->scan; k < e->scan + e->in_scan; k++) {
        *to++ = (uint8_t)(k + 1);
        *to++ = (uint8_t)((e->tables == 1 ? 0 : k) << 4);
    }
    *to++ = e->options.predictor;
    *to++ = 0;
    *to++ = e->options.point_transform;
    return to;
}

static void head_frame(encoder *e)
{
    uint8_t *to = e->waiting;

    to = put_16(to, 0xFFD8);
    to = put_16(to, 0xFFC3);
    to = put_16(to, 8u + 3u * e->image.components);
    *to++ = e->precision;
    to = put_16(to, e->image.rows);
    to = put_16(to, e->image.columns);
    *to++ = e->image.components;
    for (unsigned k = 0; k < e->image.components; k++) {
        *to++ = (uint8_t)(k + 1);
        *to++ = 0x11;
        *to++ = 0;
    }
    for (unsigned k = 0; k < e->tables; k++) {
        to = put_16(to, 0xFFC4);
        to = put_16(to, 19u + e->codes[k].count);
        *to++ = (uint8_t)k;
        memcpy(to, e->codes[k].of_length + 1, HUFFMAN_LONGEST);
        memcpy(to + HUFFMAN_LONGEST, e->codes[k].values, e->codes[k].count);
        to += HUFFMAN_LONGEST + e->codes[k].count;
    }
    if (e->options.restart_rows > 0) {
        to = put_16(to, 0xFFDD);
        to = put_16(to, 4);
        to = put_16(to, e->options.restart_rows * e->image.columns);
    }
    to = put_scan_header(e, to);
    e->pending_at = 0;
    e->pending = (size_t)(to - e->waiting);
}

/* --------------------------------------------------------------------------------------------------------- rows */

/* Samples `from` to `from + count` of a row and the pixel before them, which is at -step: as 16-bit ones. */
static const uint8_t *samples_of(const encoder *e, const uint8_t *row, size_t from, size_t count, uint16_t *taken)
{
    const size_t before = from > 0 ? e->in_scan : 0;

    if (e->is_direct)
        return row + 2 * from;
    edge_samples_take(&e->form, row + (from - before) * e->form.octets, count + before, taken);
    return (const uint8_t *)(taken + before);
}

/* The next differences of the row, and how many they are. */
static size_t differences_of(encoder *e, const uint8_t *row, const uint8_t *above, size_t from, int is_first)
{
    const size_t step = e->in_scan, left = e->row_samples - from;
    const size_t count = left < DIFFERENCES_MOST ? left : DIFFERENCES_MOST;
    const unsigned predictor = is_first ? 1 : e->options.predictor;
    const uint8_t *here = samples_of(e, row, from, count, e->samples[0]);
    const uint8_t *up = here;
    size_t begin = 0;

    if (predictor > 1)
        up = samples_of(e, above, from, count, e->samples[1]);
    else if (from == 0 && !is_first)
        up = samples_of(e, above, 0, step, e->samples[1]);
    if (from == 0) {
        const uint16_t middle = (uint16_t)(1u << (e->precision - e->form.shift - 1u));
        for (; begin < step; begin++)
            e->differences[begin] =
                (uint16_t)(load_16(here + 2 * begin) - (is_first ? middle : load_16(up + 2 * begin)));
    }
    edge_differences(predictor, here + 2 * begin, up + 2 * begin, 2 * step, count - begin, e->differences + begin);
    return count;
}

/* Whether a row has bits that would be lost. */
static int has_excess(const encoder *e, const uint8_t *row)
{
    const unsigned stored = e->image.bits_stored, allocated = e->image.bits_allocated;
    const uint16_t above = (uint16_t)(((1u << allocated) - 1u) & ~((1u << stored) - 1u));

    return above != 0 && !e->image.drops_high_bits &&
           edge_samples_excess(row, e->form.octets, e->row_samples, e->form.sign, above) != 0;
}

static edge_result count_rows(encoder *e, const uint8_t *pixels)
{
    const unsigned scans = e->image.components / e->in_scan;

    for (unsigned scan = 0; scan < scans; scan++) {
        uint32_t to_restart = 0;
        for (uint32_t row = 0; row < e->image.rows; row++, pixels += e->row_octets) {
            const int is_first = to_restart == 0;
            if (has_excess(e, pixels))
                return EDGE_BAD_SAMPLE;
            for (size_t from = 0; from < e->row_samples;) {
                const size_t count = differences_of(e, pixels, pixels - (is_first ? 0 : e->row_octets), from, is_first);
                edge_categories_count(e->differences, count, e->in_scan, &e->counts[scan]);
                from += count;
            }
            if (is_first)
                to_restart = e->options.restart_rows ? e->options.restart_rows : UINT32_MAX;
            to_restart--;
        }
        edge_categories_sum(e->in_scan, &e->counts[scan]);
    }
    return EDGE_DONE;
}

static int drip(encoder *e, edge_io *io)
{
    const size_t count = e->pending < io->out_left ? e->pending : io->out_left;

    if (count > 0) {
        memcpy(io->out, e->waiting + e->pending_at, count);
        io->out += count;
        io->out_left -= count;
        e->pending_at += count;
        e->pending -= count;
    }
    return e->pending == 0;
}

/* `count` octets of bits, then what `end_interval` adds: to the output where there is room, otherwise to wait. */
static void put_bits(encoder *e, size_t count, int ends_interval, edge_io *io)
{
    const int has_room = io->out_left >= PENDING;
    uint8_t *const begin = has_room ? io->out : e->waiting;
    uint8_t *to = begin;

    if (ends_interval && e->end.fill > 0) {
        e->bits[count++] = (uint8_t)(e->end.bits >> 56 | 0xFFu >> e->end.fill);
        e->end.bits = 0;
        e->end.fill = 0;
    }
    to += edge_stuff(e->bits, count, to);
    if (ends_interval && e->row + 1 < e->image.rows) {
        to = put_16(to, 0xFFD0u + e->next_restart);
        e->next_restart = (e->next_restart + 1) & 7;
    } else if (ends_interval) {
        e->scan += e->in_scan;
        to = e->scan < e->image.components ? put_scan_header(e, to) : put_16(to, 0xFFD9);
    }
    if (has_room) {
        io->out_left -= (size_t)(to - begin);
        io->out = to;
    } else {
        e->pending_at = 0;
        e->pending = (size_t)(to - begin);
    }
}

/* Write the rest of a row: EDGE_DONE, or EDGE_NEEDS_OUTPUT before that. */
static edge_result write_row(encoder *e, const uint8_t *row, const uint8_t *above, edge_io *io)
{
    const int is_first = e->rows_to_restart == 0;

    while (e->done < e->row_samples) {
        if (!drip(e, io))
            return EDGE_NEEDS_OUTPUT;
        const size_t count = differences_of(e, row, above, e->done, is_first);
        const huffman_code *codes = e->tables > 1 && e->in_scan == 1 ? &e->codes[e->scan] : e->codes;
        const size_t octets =
            edge_differences_write(e->differences, count, codes, e->tables == 1 ? 1 : e->in_scan, &e->end, e->bits);
        const uint32_t rows_left = is_first ? e->options.restart_rows : e->rows_to_restart;
        const int is_last = e->row + 1 == e->image.rows || rows_left == 1;

        if (e->passes == 1)
            edge_categories_count(e->differences, count, e->in_scan, &e->counts[e->scan]);
        e->done += count;
        put_bits(e, octets, e->done == e->row_samples && is_last, io);
    }
    if (is_first)
        e->rows_to_restart = e->options.restart_rows ? e->options.restart_rows : UINT32_MAX;
    e->rows_to_restart--;
    e->done = 0;
    if (++e->row == e->image.rows) {
        e->row = 0;
        e->rows_to_restart = 0;
        e->next_restart = 0;
    }
    return EDGE_DONE;
}

/* All pixels are at hand. */
static edge_result encode_whole(encoder *e, const uint8_t *pixels, edge_io *io)
{
    if (e->phase == COUNTING) {
        uint64_t counts[4][HUFFMAN_CATEGORIES] = {{0}};
        const edge_result counted = count_rows(e, pixels);
        if (counted != EDGE_DONE)
            return counted;
        gather_counts(e, counts);
        choose_tables(e, (const uint64_t(*)[HUFFMAN_CATEGORIES])counts);
        e->phase = HEADING;
    }
    if (e->phase == HEADING) {
        head_frame(e);
        e->phase = WRITING;
    }
    while (e->scan < e->image.components) {
        const size_t rows = (size_t)(e->in_scan == 1 ? e->scan : 0) * e->image.rows + e->row;
        const uint8_t *row = pixels + rows * e->row_octets;

        if (e->passes == 1 && e->done == 0 && has_excess(e, row))
            return EDGE_BAD_SAMPLE;
        if (write_row(e, row, e->rows_to_restart == 0 ? row : row - e->row_octets, io) != EDGE_DONE)
            return EDGE_NEEDS_OUTPUT;
    }
    return drip(e, io) ? EDGE_DONE : EDGE_NEEDS_OUTPUT;
}

/* One pass over rows as they come. The row above is kept in the second half of what the state holds. */
static edge_result encode_rows(encoder *e, edge_io *io)
{
    if (e->phase == HEADING) {
        head_frame(e);
        e->phase = WRITING;
    }
    while (e->scan < e->image.components) {
        const uint8_t *row = e->held;
        uint8_t *above = e->held + e->row_octets;
        const int is_whole = e->gathered == 0 && io->in_left >= e->row_octets;
        /* Predictor 1 looks up only at the first pixel. */
        const size_t kept = e->options.predictor == 1 ? (size_t)e->in_scan * e->form.octets : e->row_octets;

        if (!drip(e, io))
            return EDGE_NEEDS_OUTPUT;
        if (is_whole) {
            row = io->in;
        } else {
            const size_t missing = e->row_octets - e->gathered;
            const size_t taken = missing < io->in_left ? missing : io->in_left;
            if (taken > 0) {
                memcpy(e->held + e->gathered, io->in, taken);
                io->in += taken;
                io->in_left -= taken;
                e->gathered += taken;
            }
            if (e->gathered < e->row_octets)
                return io->in_ended ? EDGE_TRUNCATED : EDGE_NEEDS_INPUT;
        }
        if (e->done == 0 && has_excess(e, row))
            return EDGE_BAD_SAMPLE;
        if (write_row(e, row, above, io) != EDGE_DONE)
            return EDGE_NEEDS_OUTPUT;
        memcpy(above, row, kept);
        if (is_whole) {
            io->in += e->row_octets;
            io->in_left -= e->row_octets;
        }
        e->gathered = 0;
    }
    return drip(e, io) ? EDGE_DONE : EDGE_NEEDS_OUTPUT;
}

static edge_result encode(encoder *e, edge_io *io)
{
    const size_t octets = edge_image_octets(&e->image);

    if (e->options.whole_input) {
        if (io->in_left < octets)
            return EDGE_TRUNCATED;
        const edge_result result = encode_whole(e, io->in, io);
        if (result == EDGE_DONE) {
            io->in += octets;
            io->in_left -= octets;
        }
        return result;
    }
    if (!e->holds)
        return encode_rows(e, io);
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
            return io->in_ended ? EDGE_TRUNCATED : EDGE_NEEDS_INPUT;
    }
    return encode_whole(e, e->held, io);
}

edge_result edge_jpeg_lossless_encode(void *state, edge_io *io)
{
    encoder *e = state;

    if (!state_is(state, ENCODER) || io == NULL)
        return EDGE_BAD_STATE;
    if (e->head.outcome <= EDGE_DONE)
        return e->head.outcome;
    const edge_result result = encode(e, io);
    if (result == EDGE_DONE && e->passes == 1)
        for (unsigned scan = 0; scan < 4; scan++)
            edge_categories_sum(e->in_scan, &e->counts[scan]);
    return state_keeps(&e->head, result);
}
