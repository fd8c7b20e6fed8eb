/*
 * JPEG 2000 by OpenJPEG: decodes what T.800 allows of one frame (and T.814, HTJ2K, since 2.5), encodes losslessly.
 * The codestream passes through callbacks on the caller's memory; the library holds the frame as 32-bit planes.
 */

#include "codestream.h"

#include <openjpeg.h>

#define CHUNK 1048576u /* octets that the library reads or writes at a time */

const char *edge_bound_version(void)
{
    static char words[48];
    (void)snprintf(words, sizeof words, "OpenJPEG %.24s", opj_version());
    return words;
}

/* ------------------------------------------------------------------------------------ the caller's memory as a file */

typedef struct source {
    const uint8_t *octets;
    size_t length, at;
} source;

typedef struct sink {
    uint8_t *octets;
    size_t room, at, end;
    int is_full;
} sink;

static OPJ_SIZE_T source_read(void *to, OPJ_SIZE_T wanted, void *user)
{
    source *from = user;
    size_t left = from->length - from->at;
    if (left == 0)
        return (OPJ_SIZE_T)-1;
    if (wanted > left)
        wanted = left;
    memcpy(to, from->octets + from->at, wanted);
    from->at += wanted;
    return wanted;
}

static OPJ_OFF_T source_skip(OPJ_OFF_T by, void *user)
{
    source *from = user;
    if (by < 0 || (uint64_t)by > from->length - from->at)
        return -1;
    from->at += (size_t)by;
    return by;
}

static OPJ_BOOL source_seek(OPJ_OFF_T to, void *user)
{
    source *from = user;
    if (to < 0 || (uint64_t)to > from->length)
        return OPJ_FALSE;
    from->at = (size_t)to;
    return OPJ_TRUE;
}

static OPJ_SIZE_T sink_write(void *from, OPJ_SIZE_T octets, void *user)
{
    sink *to = user;
    if (octets > to->room - to->at) {
        to->is_full = 1;
        return (OPJ_SIZE_T)-1;
    }
    memcpy(to->octets + to->at, from, octets);
    to->at += octets;
    to->end = to->at > to->end ? to->at : to->end;
    return octets;
}

static OPJ_OFF_T sink_skip(OPJ_OFF_T by, void *user)
{
    sink *to = user;
    if (by < 0 || (uint64_t)by > to->room - to->at)
        return -1;
    to->at += (size_t)by;
    return by;
}

static OPJ_BOOL sink_seek(OPJ_OFF_T where, void *user)
{
    sink *to = user;
    if (where < 0 || (uint64_t)where > to->room)
        return OPJ_FALSE;
    to->at = (size_t)where;
    return OPJ_TRUE;
}

/* ------------------------------------------------------------------------------------------------ what it complains */

typedef struct complaint {
    char text[160];
    int is_memory;
} complaint;

static void on_error(const char *message, void *user)
{
    complaint *kept = user;
    size_t length;
    if (strstr(message, "emory") != NULL || strstr(message, "alloc") != NULL ||
        strstr(message, "system limits") != NULL)
        kept->is_memory = 1;
    if (kept->text[0] != 0) /* the first names the cause, those behind it only what failed with it */
        return;
    (void)snprintf(kept->text, sizeof kept->text, "%s", message);
    for (length = strlen(kept->text); length > 0; length--) {
        if (strchr("\r\n .", kept->text[length - 1]) == NULL)
            break;
        kept->text[length - 1] = 0;
    }
}

static void on_quiet(const char *message, void *user)
{
    (void)message;
    (void)user;
}

static edge_bound_result blame(const complaint *kept, edge_bound_result otherwise, edge_words words)
{
    if (kept->is_memory)
        return edge_say(words, EDGE_BOUND_NO_MEMORY, "OpenJPEG ran out of memory: %s", kept->text);
    return edge_say(words, otherwise, "OpenJPEG: %s", kept->text[0] != 0 ? kept->text : "it gives no reason");
}

static void listen(opj_codec_t *codec, complaint *kept)
{
    (void)opj_set_error_handler(codec, on_error, kept);
    (void)opj_set_warning_handler(codec, on_quiet, NULL);
    (void)opj_set_info_handler(codec, on_quiet, NULL);
}

/* ----------------------------------------------------------------------------------------------------------- decode */

static edge_bound_result store(const opj_image_t *made, const edge_bound_image *image, const edge_codestream *stream,
                               uint8_t *pixels, edge_words words)
{
    edge_range range = edge_range_of(image, stream->depth, stream->is_signed);
    size_t octets = image->bits_allocated / 8u, row = (size_t)image->columns * image->components * octets;
    unsigned component;
    if (made->numcomps != image->components)
        return edge_say(words, EDGE_BOUND_CORRUPT, "OpenJPEG made another number of components");
    for (component = 0; component < image->components; component++) {
        const opj_image_comp_t *plane = &made->comps[component];
        uint32_t y;
        if (plane->data == NULL || plane->w != image->columns || plane->h != image->rows)
            return edge_say(words, EDGE_BOUND_CORRUPT, "OpenJPEG made an image of another size");
        for (y = 0; y < image->rows; y++)
            edge_store(plane->data + (size_t)y * plane->w, plane->w, pixels + y * row + component * octets,
                       image->components, image->bits_allocated, range);
    }
    return EDGE_BOUND_DONE;
}

edge_bound_result edge_bound_decode(const edge_bound_image *image, const edge_bound_wish *wish, const uint8_t *coded,
                                    size_t coded_octets, uint8_t *pixels, size_t room, char *text, size_t text_room)
{
    edge_words words = {text, text_room};
    edge_codestream stream;
    complaint kept = {{0}, 0};
    opj_dparameters_t parameters;
    opj_codec_t *codec = NULL;
    opj_stream_t *flow = NULL;
    opj_image_t *made = NULL;
    source from;
    edge_bound_result result = edge_image_check(image, room, words);
    (void)wish;
    if (result == EDGE_BOUND_DONE)
        result = edge_codestream_check(&stream, coded, coded_octets, image, words);
    if (result != EDGE_BOUND_DONE)
        return result;
    if (stream.depth > 31)
        return edge_say(words, EDGE_BOUND_UNSUPPORTED, "OpenJPEG decodes at most 31 bits, the stream has %u",
                        stream.depth);
    from.octets = stream.octets;
    from.length = stream.length;
    from.at = 0;
    codec = opj_create_decompress(OPJ_CODEC_J2K);
    flow = opj_stream_create(stream.length < CHUNK ? stream.length : CHUNK, OPJ_TRUE);
    if (codec == NULL || flow == NULL) {
        result = edge_say(words, EDGE_BOUND_NO_MEMORY, "OpenJPEG ran out of memory before it began");
        goto end;
    }
    listen(codec, &kept);
    opj_stream_set_user_data(flow, &from, NULL);
    opj_stream_set_user_data_length(flow, stream.length);
    opj_stream_set_read_function(flow, source_read);
    opj_stream_set_skip_function(flow, source_skip);
    opj_stream_set_seek_function(flow, source_seek);
    opj_set_default_decoder_parameters(&parameters);
    if (!opj_setup_decoder(codec, &parameters) || !opj_decoder_set_strict_mode(codec, OPJ_TRUE) ||
        !opj_read_header(flow, codec, &made) || !opj_decode(codec, flow, made))
        result = blame(&kept, EDGE_BOUND_CORRUPT, words);
    else
        result = store(made, image, &stream, pixels, words);
end:
    opj_image_destroy(made);
    opj_stream_destroy(flow);
    opj_destroy_codec(codec);
    return result;
}

/* ----------------------------------------------------------------------------------------------------------- encode */

static edge_bound_result fetch(const edge_bound_image *image, const uint8_t *pixels, opj_image_t *given,
                               edge_words words)
{
    size_t octets = image->bits_allocated / 8u, row = (size_t)image->columns * image->components * octets;
    unsigned component;
    for (component = 0; component < image->components; component++) {
        uint32_t y;
        for (y = 0; y < image->rows; y++)
            if (edge_fetch(pixels + y * row + component * octets, image->columns, image->components, image,
                           given->comps[component].data + (size_t)y * image->columns))
                return edge_bad_sample(image, words);
    }
    return EDGE_BOUND_DONE;
}

/* Five decompositions, as everybody writes; fewer where the picture would vanish before. */
static int resolutions(const edge_bound_image *image)
{
    uint32_t least = image->columns < image->rows ? image->columns : image->rows;
    int count = 1;
    while (count < 6 && least >> count != 0)
        count++;
    return count;
}

edge_bound_result edge_bound_encode(const edge_bound_image *image, const edge_bound_wish *wish, const uint8_t *pixels,
                                    size_t octets, uint8_t *coded, size_t room, size_t *made, char *text,
                                    size_t text_room)
{
    edge_words words = {text, text_room};
    complaint kept = {{0}, 0};
    opj_cparameters_t parameters;
    opj_image_cmptparm_t planes[4];
    opj_image_t *given = NULL;
    opj_codec_t *codec = NULL;
    opj_stream_t *flow = NULL;
    sink to = {coded, room, 0, 0, 0};
    unsigned component;
    edge_bound_result result = edge_image_check(image, octets, words);
    if (result != EDGE_BOUND_DONE)
        return result;
    if (wish->lossy || wish->rpcl || image->bits_stored > 24)
        return edge_say(words, EDGE_BOUND_BAD_IMAGE,
                        "OpenJPEG is asked here for lossless streams of at most 24 bits only");
    memset(planes, 0, sizeof planes);
    for (component = 0; component < image->components; component++) {
        planes[component].dx = planes[component].dy = 1;
        planes[component].w = image->columns;
        planes[component].h = image->rows;
        planes[component].prec = image->bits_stored;
        planes[component].sgnd = image->is_signed;
    }
    given = opj_image_create(image->components, planes, image->components == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
    codec = opj_create_compress(OPJ_CODEC_J2K);
    flow = opj_stream_create(CHUNK, OPJ_FALSE);
    if (given == NULL || codec == NULL || flow == NULL) {
        result = edge_say(words, EDGE_BOUND_NO_MEMORY, "OpenJPEG ran out of memory before it began");
        goto end;
    }
    given->x1 = image->columns;
    given->y1 = image->rows;
    result = fetch(image, pixels, given, words);
    if (result != EDGE_BOUND_DONE)
        goto end;
    listen(codec, &kept);
    opj_stream_set_user_data(flow, &to, NULL);
    opj_stream_set_write_function(flow, sink_write);
    opj_stream_set_skip_function(flow, sink_skip);
    opj_stream_set_seek_function(flow, sink_seek);
    opj_set_default_encoder_parameters(&parameters);
    parameters.tcp_numlayers = 1;
    parameters.cp_disto_alloc = 1;
    parameters.tcp_rates[0] = 0;
    parameters.irreversible = 0;
    parameters.numresolution = resolutions(image);
    parameters.tcp_mct = image->components == 3 && wish->colour;
    if (!opj_setup_encoder(codec, &parameters, given) || !opj_start_compress(codec, given, flow) ||
        !opj_encode(codec, flow) || !opj_end_compress(codec, flow))
        result = to.is_full ? edge_say(words, EDGE_BOUND_NO_ROOM, "the stream is longer than the %llu octets of room",
                                       (unsigned long long)room)
                            : blame(&kept, EDGE_BOUND_BAD_IMAGE, words);
    *made = to.end;
end:
    opj_image_destroy(given);
    opj_stream_destroy(flow);
    opj_destroy_codec(codec);
    return result;
}

size_t edge_bound_encoded_limit(const edge_bound_image *image)
{
    return 2 * edge_octets(image) + 65536;
}
