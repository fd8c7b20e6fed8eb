/*
 * JPEG-LS encoding, as a stream: marker segments, lines in, stuffed octets out.
 *
 * A line is coded in blocks. The bits of a block are first written without stuffing, so that the loop over samples has
 * no branch on them; then they are copied to the caller, eight octets at a time where no 0xFF is among them. Where the
 * caller has no room for a whole block they wait in the state.
 */

#include "jpeg_ls_model.h"
#include "state.h"

enum { KIND = 0x4A4C5345, STAGED = JLS_PEN_ROOM * 8 / 7 + 96 };

enum stage { STAGE_SCAN, STAGE_TAKING, STAGE_CODING, STAGE_ENDED };

typedef struct encoder {
    state_head head;
    edge_image image;
    edge_jpeg_ls_options options;
    const jls_way *way;
    jls_model model;
    enum stage stage;
    uint8_t interleave;              /* of the stream: 0 none, 1 line, 2 sample */
    uint8_t h[JLS_COMPONENTS], v[JLS_COMPONENTS], h_most, v_most;
    uint8_t turn[JLS_COMPONENTS];    /* which of the two lines of a component is the current one */
    uint8_t hold[JLS_COMPONENTS * 2]; /* the octets of a pixel that came in part */
    int first, last;                 /* components of this scan: first <= j < last */
    int component;                   /* the one whose line is coded, or (sampling) taken */
    int line_of_component;           /* of the V lines in this row of units */
    uint32_t rows_left;              /* rows of units in this scan, and until a restart */
    uint32_t restart_left, next_restart;
    uint32_t octets_taken;           /* of the line */
    uint32_t at;                     /* samples coded of the line */
    uint64_t pen_waiting, stuff_waiting;
    uint32_t pen_count, stuff_count; /* bits that wait: less than 8 */
    int after_ff;
    uint32_t staged_from, staged_to;
    size_t stride;
    uint8_t staged[STAGED];
    uint16_t lines[]; /* [turn][component][stride] */
} encoder;

/* ---------------------------------------------------------------------------------------------------------- sizes */

static int is_sampled(const edge_jpeg_ls_options *options)
{
    return (options->sampling[0] | options->sampling[1] | options->sampling[2] | options->sampling[3]) != 0;
}

static size_t stride_of(uint32_t columns)
{
    return ((size_t)columns + 2 * JLS_PAD + 15) / 16 * 16;
}

static int precision_of(const edge_image *image)
{
    return image->bits_stored < 2 ? 2 : image->bits_stored;
}

static edge_result image_is_good(const edge_image *image)
{
    if (image == NULL || edge_image_octets(image) == 0 || image->bits_allocated > 16)
        return EDGE_BAD_IMAGE;
    return EDGE_DONE;
}

static edge_result sampling_is_good(const edge_image *image, const edge_jpeg_ls_options *options)
{
    int h_most = 0, v_most = 0;

    for (int j = 0; j < JLS_COMPONENTS; j++) {
        const int h = options->sampling[j] >> 4, v = options->sampling[j] & 15;
        if (j >= image->components ? (h | v) != 0 : h < 1 || h > 4 || v < 1 || v > 4)
            return EDGE_BAD_OPTION;
        h_most = h > h_most ? h : h_most;
        v_most = v > v_most ? v : v_most;
    }
    for (int j = 0; j < image->components; j++)
        if (h_most % (options->sampling[j] >> 4) != 0 || v_most % (options->sampling[j] & 15) != 0)
            return EDGE_BAD_OPTION;
    if (image->rows % (uint32_t)v_most != 0 || !image->planar || options->interleave == EDGE_JPEG_LS_SAMPLE ||
        options->interleave == EDGE_JPEG_LS_NONE || image->components == 1)
        return EDGE_BAD_OPTION;
    return EDGE_DONE;
}

static edge_result options_are_good(const edge_image *image, const edge_jpeg_ls_options *options)
{
    jls_presets presets;
    jls_model model;

    if (options == NULL || options->interleave > EDGE_JPEG_LS_NONE || (options->near > 0 && image->is_signed))
        return EDGE_BAD_OPTION;
    presets = (jls_presets){options->maxval, options->t1, options->t2, options->t3, options->reset};
    if (!jls_model_set(&model, precision_of(image), options->near, &presets))
        return EDGE_BAD_OPTION;
    if (is_sampled(options))
        return sampling_is_good(image, options);
    if (image->components > 1) {
        const int side_by_side = options->interleave == EDGE_JPEG_LS_LINE || options->interleave == EDGE_JPEG_LS_SAMPLE;
        if (options->interleave != EDGE_JPEG_LS_FIT && side_by_side == image->planar)
            return EDGE_BAD_OPTION;
    }
    return EDGE_DONE;
}

size_t edge_jpeg_ls_encoder_size(const edge_image *image, const edge_jpeg_ls_options *options)
{
    if (image_is_good(image) != EDGE_DONE || options_are_good(image, options) != EDGE_DONE)
        return 0;
    size_t lines = image->components;
    if (image->planar && !is_sampled(options))
        lines = 1;
    return sizeof(encoder) + 2 * lines * stride_of(image->columns) * sizeof(uint16_t);
}

/* --------------------------------------------------------------------------------------------------------- octets */

/* Copy bits from the pen's octets to `out`, with a 0 bit stuffed behind each 0xFF; return the end in `out`. */
static uint8_t *stuff(encoder *e, const uint8_t *bits, const uint8_t *end, uint8_t *out)
{
    uint64_t waiting = e->stuff_waiting;
    uint32_t count = e->stuff_count;
    int after_ff = e->after_ff;

    while (bits < end) {
        if (end - bits >= 6 && !after_ff) {
            const uint64_t more = load_64_big(bits) >> 16;
            const uint64_t next = (waiting << 48 | more) >> count;
            if (!has_ff(next)) {
                store_64_big(out, next << 16);
                out += 6;
                bits += 6;
                waiting = more & 0xFF;
                waiting &= (UINT64_C(1) << count) - 1;
                continue;
            }
        }
        waiting = waiting << 8 | *bits++;
        count += 8;
        while (count >= 8) {
            const uint32_t take = after_ff ? 7 : 8;
            count -= take;
            *out = (uint8_t)(waiting >> count & ((1u << take) - 1));
            after_ff = *out++ == 0xFF;
        }
        waiting &= (UINT64_C(1) << count) - 1;
    }
    e->stuff_waiting = waiting;
    e->stuff_count = count;
    e->after_ff = after_ff;
    return out;
}

static void stage_8(encoder *e, uint32_t octet)
{
    e->staged[e->staged_to++] = (uint8_t)octet;
}

static void stage_16(encoder *e, uint32_t number)
{
    stage_8(e, number >> 8);
    stage_8(e, number & 0xFF);
}

/* The bits that still wait, filled up with zeros; an octet 0xFF is never the last (T.87 A.1). */
static void stage_last_bits(encoder *e)
{
    const uint32_t count = e->pen_count;
    const uint64_t bits = e->pen_waiting & ((1u << count) - 1);
    uint32_t left;

    e->stuff_waiting = e->stuff_waiting << count | bits;
    left = e->stuff_count + count;
    while (left > 0 || e->after_ff) {
        const uint32_t take = e->after_ff ? 7 : 8;
        const uint64_t filled = left >= take ? e->stuff_waiting >> (left - take) : e->stuff_waiting << (take - left);
        const uint32_t octet = (uint32_t)filled & ((1u << take) - 1);
        left = left > take ? left - take : 0;
        stage_8(e, octet);
        e->after_ff = octet == 0xFF;
    }
    e->stuff_waiting = e->pen_waiting = 0;
    e->stuff_count = e->pen_count = 0;
}

/* Move what is staged to the caller; true when all of it is gone. */
static int give_staged(encoder *e, edge_io *io)
{
    const size_t staged = e->staged_to - e->staged_from;
    const size_t given = staged < io->out_left ? staged : io->out_left;

    if (given > 0) {
        memcpy(io->out, e->staged + e->staged_from, given);
        io->out += given;
        io->out_left -= given;
        e->staged_from += (uint32_t)given;
    }
    if (e->staged_from < e->staged_to)
        return 0;
    e->staged_from = e->staged_to = 0;
    return 1;
}

/* ------------------------------------------------------------------------------------------------ marker segments */

static void stage_frame(encoder *e)
{
    const edge_image *image = &e->image;

    stage_16(e, 0xFFD8);
    stage_16(e, 0xFFF7);
    stage_16(e, 8 + 3u * image->components);
    stage_8(e, (uint32_t)precision_of(image));
    stage_16(e, image->rows);
    stage_16(e, image->columns);
    stage_8(e, image->components);
    for (uint32_t j = 0; j < image->components; j++) {
        stage_8(e, j + 1);
        stage_8(e, (uint32_t)(e->h[j] << 4 | e->v[j]));
        stage_8(e, 0);
    }
}

static void stage_presets(encoder *e)
{
    const jls_model *model = &e->model;
    const jls_presets usual = jls_default_presets((int32_t)((1u << precision_of(&e->image)) - 1), model->near);

    if (!e->options.explicit_lse && model->maxval == usual.maxval && model->t1 == usual.t1 && model->t2 == usual.t2 &&
        model->t3 == usual.t3 && model->reset == usual.reset)
        return;
    stage_16(e, 0xFFF8);
    stage_16(e, 13);
    stage_8(e, 1);
    stage_16(e, (uint32_t)model->maxval);
    stage_16(e, (uint32_t)model->t1);
    stage_16(e, (uint32_t)model->t2);
    stage_16(e, (uint32_t)model->t3);
    stage_16(e, (uint32_t)model->reset);
}

static void stage_scan(encoder *e)
{
    if (e->first == 0) {
        stage_frame(e);
        stage_presets(e);
        if (e->options.restart_rows > 0) {
            stage_16(e, 0xFFDD);
            stage_16(e, 4);
            stage_16(e, e->options.restart_rows);
        }
    }
    stage_16(e, 0xFFDA);
    stage_16(e, 6 + 2u * (uint32_t)(e->last - e->first));
    stage_8(e, (uint32_t)(e->last - e->first));
    for (int j = e->first; j < e->last; j++) {
        stage_8(e, (uint32_t)j + 1);
        stage_8(e, 0);
    }
    stage_8(e, e->options.near);
    stage_8(e, e->interleave);
    stage_8(e, 0);
}

/* ---------------------------------------------------------------------------------------------------------- lines */

/* The current line of a component (0) or the one above it (1). */
static uint16_t *line_of(encoder *e, int component, int above)
{
    const size_t lines = (size_t)(e->last - e->first);
    const size_t number = (size_t)(e->turn[component] ^ above) * lines + (size_t)(component - e->first);
    return e->lines + number * e->stride + JLS_PAD;
}

static uint32_t width_of(const encoder *e, int component)
{
    return (e->image.columns * e->h[component] + e->h_most - 1) / e->h_most;
}

static void begin_stripe(encoder *e)
{
    const size_t lines = (size_t)(e->last - e->first);

    jls_model_restart(&e->model);
    memset(e->lines, 0, 2 * lines * e->stride * sizeof e->lines[0]);
    e->restart_left = e->options.restart_rows;
}

/* The samples on either side of the lines (T.87 A.2.1). */
static void set_edges(encoder *e, int component)
{
    uint16_t *above = line_of(e, component, 1);
    const uint32_t width = width_of(e, component);

    *(line_of(e, component, 0) - 1) = above[0];
    above[width] = above[width - 1];
}

/*
 * Take samples of the line(s) that come next; true when they are all there. Pixels that lie side by side fill a line of
 * each component, otherwise one line is filled.
 */
static int take(encoder *e, edge_io *io, edge_result *result)
{
    const int side_by_side = e->last - e->first > 1 && !is_sampled(&e->options);
    const int first = side_by_side ? e->first : e->component;
    const uint32_t components = side_by_side ? (uint32_t)(e->last - e->first) : 1;
    const uint32_t octets = e->image.bits_allocated / 8;
    const uint32_t pixel = components * octets;
    const uint32_t width = width_of(e, first);
    const uint32_t mask = (1u << e->image.bits_stored) - 1;
    const uint32_t half = e->image.is_signed ? 1u << (e->image.bits_stored - 1) : 0;
    const uint8_t drops = e->image.drops_high_bits;

    while (e->octets_taken < width * pixel) {
        const uint32_t done = e->octets_taken / pixel;
        const uint32_t held = e->octets_taken % pixel;
        const uint8_t *from = io->in;
        uint32_t count = 1;

        if (held > 0 || io->in_left < pixel) {
            const size_t missing = pixel - held;
            const size_t taken = io->in_left < missing ? io->in_left : missing;
            if (taken > 0)
                memcpy(e->hold + held, io->in, taken);
            io->in += taken;
            io->in_left -= taken;
            e->octets_taken += (uint32_t)taken;
            if (taken < missing)
                return 0;
            from = e->hold;
        } else {
            const size_t there = io->in_left / pixel;
            count = there < width - done ? (uint32_t)there : width - done;
            io->in += (size_t)count * pixel;
            io->in_left -= (size_t)count * pixel;
            e->octets_taken += count * pixel;
        }
        if (pixel == 3 && mask == 0xFF && e->options.maxval == 0) {
            uint16_t *const lines[3] = {line_of(e, 0, 0) + done, line_of(e, 1, 0) + done, line_of(e, 2, 0) + done};
            e->way->in_rgb(lines, from, count);
            continue;
        }
        for (uint32_t j = 0; j < components; j++) {
            uint16_t *line = line_of(e, first + (int)j, 0) + done;
            const uint32_t high = octets == 1 ? e->way->in_8(line, from + j, count, pixel, mask, half)
                                              : e->way->in_16(line, from + j * 2, count, pixel, mask, half);
            if (high != 0 && !drops) {
                *result = EDGE_BAD_SAMPLE;
                return 0;
            }
            if (e->options.maxval != 0)
                for (uint32_t i = 0; i < count; i++)
                    if (line[i] > e->model.maxval) {
                        *result = EDGE_BAD_SAMPLE;
                        return 0;
                    }
        }
    }
    e->octets_taken = 0;
    return 1;
}

/* Code a block of the line(s) and give or stage its octets; true at the end of the line. */
static int code_block(encoder *e, edge_io *io)
{
    uint8_t bits[JLS_PEN_ROOM + 8];
    const int j = e->component, components = e->last - e->first;
    const uint32_t width = width_of(e, j);
    const uint16_t *above = line_of(e, j, 1);
    uint16_t *line = line_of(e, j, 0);
    jls_pen pen = {e->pen_waiting, e->pen_count, bits};

    if (e->interleave == 2 && e->model.is_exact)
        e->at = e->way->encode_pixels(&e->model, above, line, e->stride, e->at, width, components, &pen);
    else if (e->interleave == 2)
        e->at = e->way->encode_pixels_general(&e->model, above, line, e->stride, e->at, width, components, &pen);
    else if (e->model.is_exact)
        e->at = e->way->encode_line(&e->model, above, line, e->at, width, j, &pen);
    else
        e->at = e->way->encode_line_general(&e->model, above, line, e->at, width, j, &pen);
    e->pen_waiting = pen.waiting;
    e->pen_count = pen.count;

    if (io->out_left >= STAGED) {
        uint8_t *end = stuff(e, bits, pen.at, io->out);
        io->out_left -= (size_t)(end - io->out);
        io->out = end;
    } else {
        e->staged_to = (uint32_t)(stuff(e, bits, pen.at, e->staged) - e->staged);
    }
    return e->at == width;
}

/* What follows a line that is coded. */
static void end_line(encoder *e)
{
    e->at = 0;
    if (e->interleave == 2) {
        for (int j = e->first; j < e->last; j++)
            e->turn[j] ^= 1;
    } else {
        e->turn[e->component] ^= 1;
        e->stage = is_sampled(&e->options) ? STAGE_TAKING : STAGE_CODING;
        if (++e->line_of_component < e->v[e->component] && is_sampled(&e->options))
            return;
        e->line_of_component = 0;
        if (++e->component < e->last)
            return;
        e->component = e->first;
    }

    e->stage = STAGE_TAKING;
    e->rows_left--;
    if (e->options.restart_rows > 0 && --e->restart_left == 0 && e->rows_left > 0) {
        stage_last_bits(e);
        stage_16(e, 0xFFD0 + e->next_restart);
        e->next_restart = (e->next_restart + 1) & 7;
        begin_stripe(e);
    }
    if (e->rows_left > 0)
        return;

    stage_last_bits(e);
    if (e->last < e->image.components) {
        e->first++;
        e->last++;
        e->component = e->first;
        e->stage = STAGE_SCAN;
    } else {
        stage_16(e, 0xFFD9);
        e->stage = STAGE_ENDED;
    }
}

/* ----------------------------------------------------------------------------------------------------- the stream */

edge_result edge_jpeg_ls_encode_begin(void *state, size_t size, const edge_image *image,
                                      const edge_jpeg_ls_options *options)
{
    encoder *e = state;
    edge_result result = image_is_good(image);
    jls_presets presets;

    if (result == EDGE_DONE)
        result = options_are_good(image, options);
    if (result != EDGE_DONE)
        return result;
    if (!state_fits(state, size, edge_jpeg_ls_encoder_size(image, options)))
        return EDGE_BAD_STATE;

    memset(e, 0, sizeof *e);
    e->head.kind = KIND;
    e->head.outcome = EDGE_NEEDS_INPUT;
    e->image = *image;
    e->options = *options;
    e->way = jls_best_way();
    e->h_most = e->v_most = 1;
    for (int j = 0; j < image->components; j++) {
        e->h[j] = is_sampled(options) ? options->sampling[j] >> 4 : 1;
        e->v[j] = is_sampled(options) ? options->sampling[j] & 15 : 1;
        e->h_most = e->h[j] > e->h_most ? e->h[j] : e->h_most;
        e->v_most = e->v[j] > e->v_most ? e->v[j] : e->v_most;
    }
    if (image->components > 1 && (options->interleave == EDGE_JPEG_LS_LINE || is_sampled(options)))
        e->interleave = 1;
    else if (image->components > 1 && !image->planar)
        e->interleave = 2;
    e->last = e->interleave == 0 ? 1 : image->components;
    e->stride = stride_of(image->columns);
    presets = (jls_presets){options->maxval, options->t1, options->t2, options->t3, options->reset};
    jls_model_set(&e->model, precision_of(image), options->near, &presets);
    return EDGE_NEEDS_INPUT;
}

edge_result edge_jpeg_ls_encode(void *state, edge_io *io)
{
    encoder *e = state;
    edge_result result = EDGE_DONE;

    if (!state_is(state, KIND) || io == NULL)
        return EDGE_BAD_STATE;
    if (e->head.outcome <= EDGE_DONE)
        return e->head.outcome;
    for (;;) {
        if (!give_staged(e, io))
            return EDGE_NEEDS_OUTPUT;
        switch (e->stage) {
        case STAGE_SCAN:
            stage_scan(e);
            begin_stripe(e);
            e->next_restart = 0;
            e->rows_left = e->image.rows / e->v_most;
            e->stage = STAGE_TAKING;
            break;
        case STAGE_TAKING:
            if (!take(e, io, &result)) {
                if (result != EDGE_DONE)
                    return state_keeps(&e->head, result);
                return io->in_ended ? state_keeps(&e->head, EDGE_TRUNCATED) : EDGE_NEEDS_INPUT;
            }
            e->stage = STAGE_CODING;
            break;
        case STAGE_CODING:
            if (e->at == 0) {
                const int last = e->interleave == 2 ? e->last : e->component + 1;
                for (int j = e->component; j < last; j++)
                    set_edges(e, j);
            }
            if (code_block(e, io))
                end_line(e);
            break;
        case STAGE_ENDED:
            return state_keeps(&e->head, EDGE_DONE);
        }
    }
}

const char *edge_jpeg_ls_way(void)
{
    return jls_best_way()->name;
}
