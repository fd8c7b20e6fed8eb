/*
 * JPEG of 8 bits (T.81 Processes 1 and 2, DICOM .50 and .51) by libjpeg-turbo. The samples come out in the colours that
 * the stream has, unless RGB is wished for. A stream of 12 bits goes to jpeg12.h. What is encoded are pictures for
 * people, grey or RGB, as a JFIF file: they are for pages beside objects, and never objects themselves.
 */

#include "jpeg12.h"

#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>
#include <setjmp.h>
#include <stdlib.h>

#define PICTURE_QUALITY 88 /* of 100: what is drawn in a picture stays sharp */

const char *edge_bound_version(void)
{
#define EDGE_TEXT(number) #number
#define EDGE_VERSION(number) "libjpeg-turbo " EDGE_TEXT(number)
    return EDGE_VERSION(LIBJPEG_TURBO_VERSION);
}

typedef struct complaint {
    struct jpeg_error_mgr manager; /* first, so that the library's pointer is ours */
    jmp_buf back;
    int code;
    char text[JMSG_LENGTH_MAX];
} complaint;

static void on_error(j_common_ptr codec)
{
    complaint *kept = (complaint *)codec->err;
    kept->code = codec->err->msg_code;
    codec->err->format_message(codec, kept->text);
    longjmp(kept->back, 1);
}

/* What the library would mend by guessing is an error here: guessed pixels are no pixels. Octets between segments harm
   none of them. */
static void on_message(j_common_ptr codec, int level)
{
    if (level < 0 && codec->err->msg_code != JWRN_EXTRANEOUS_DATA)
        on_error(codec);
}

static void on_output(j_common_ptr codec)
{
    (void)codec;
}

/* Return the library's way to complain, which goes back to where `kept` says. */
static struct jpeg_error_mgr *attentive(complaint *kept)
{
    memset(kept, 0, sizeof *kept);
    (void)jpeg_std_error(&kept->manager);
    kept->manager.error_exit = on_error;
    kept->manager.emit_message = on_message;
    kept->manager.output_message = on_output;
    return &kept->manager;
}

/* ------------------------------------------------------------------------------------------------------ the header */

/* Find the frame header (T.81 B.2.2) and hold it against the image. */
static edge_bound_result frame_check(const uint8_t *coded, size_t length, const edge_bound_image *image,
                                     unsigned *depth, edge_words words)
{
    size_t at = 2;
    if (length < 4 || coded[0] != 0xFF || coded[1] != 0xD8)
        return edge_say(words, EDGE_BOUND_CORRUPT, "no JPEG stream: it does not begin with SOI");
    while (length - at >= 4) {
        unsigned marker = coded[at + 1], segment;
        if (coded[at] != 0xFF || marker == 0xFF || marker == 0) { /* fill octets, or some that do not belong here */
            at++;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
            at += 2;
            continue;
        }
        segment = (unsigned)coded[at + 2] << 8 | coded[at + 3];
        if (marker == 0xD9 || marker == 0xDA)
            break;
        if (segment < 2 || segment + 2u > length - at)
            return edge_say(words, EDGE_BOUND_CORRUPT, "the stream is truncated or broken within its headers");
        if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
            const uint8_t *frame = coded + at + 4;
            unsigned rows, columns;
            if (segment < 8)
                return edge_say(words, EDGE_BOUND_CORRUPT, "its frame header is too short");
            rows = (unsigned)frame[1] << 8 | frame[2];
            columns = (unsigned)frame[3] << 8 | frame[4];
            if (marker > 0xC2)
                return edge_say(words, EDGE_BOUND_UNSUPPORTED,
                                "the stream is of another JPEG process (SOF%u) than baseline and extended",
                                marker - 0xC0);
            if (columns != image->columns || (rows != 0 && rows != image->rows) || frame[5] != image->components)
                return edge_say(words, EDGE_BOUND_CONTRADICTS,
                                "the data set says %lu x %lu with %u samples a pixel, the stream %u x %u with %u",
                                (unsigned long)image->columns, (unsigned long)image->rows, image->components, columns,
                                rows, frame[5]);
            if (frame[0] > image->bits_allocated)
                return edge_say(words, EDGE_BOUND_CONTRADICTS,
                                "the data set allocates %u bits a sample, the stream has %u", image->bits_allocated,
                                frame[0]);
            if (frame[0] != 8 && (frame[0] != 12 || marker != 0xC1))
                return edge_say(words, EDGE_BOUND_UNSUPPORTED,
                                "the stream has %u bits a sample, and only 8, or 12 in sequence, are decoded",
                                frame[0]);
            *depth = frame[0];
            return EDGE_BOUND_DONE;
        }
        at += 2u + segment;
    }
    return edge_say(words, EDGE_BOUND_CORRUPT, "the stream is truncated or broken: it has no frame header");
}

/* ----------------------------------------------------------------------------------------------------------- decode */

/* Samples of 8 bits, in place, to what the image asks for: the row's last sample first, as they grow. */
static void widen(uint8_t *row, size_t samples, const edge_bound_image *image)
{
    size_t i;
    if (image->bits_allocated == 8)
        return;
    for (i = samples; i-- > 0;) {
        int32_t value = image->is_signed ? (int32_t)(int8_t)row[i] : (int32_t)row[i];
        memcpy(row + i * (image->bits_allocated / 8u), &value, image->bits_allocated / 8u);
    }
}

edge_bound_result edge_bound_decode(const edge_bound_image *image, const edge_bound_wish *wish, const uint8_t *coded,
                                    size_t coded_octets, uint8_t *pixels, size_t room, char *text, size_t text_room)
{
    edge_words words = {text, text_room};
    struct jpeg_decompress_struct codec;
    complaint kept;
    size_t samples = (size_t)image->columns * image->components;
    unsigned depth = 8;
    edge_bound_result result = edge_image_check(image, room, words);
    if (result == EDGE_BOUND_DONE)
        result = frame_check(coded, coded_octets, image, &depth, words);
    if (result != EDGE_BOUND_DONE)
        return result;
    if (depth == 12 && wish->colour && image->components == 3)
        return edge_say(words, EDGE_BOUND_UNSUPPORTED, "colours of 12 bits are given as they are, not as RGB");
    if (depth == 12)
        return edge12_decode(image, coded, coded_octets, pixels, words);
    memset(&codec, 0, sizeof codec);
    codec.err = attentive(&kept);
    if (setjmp(kept.back) != 0) {
        jpeg_destroy_decompress(&codec);
        if (kept.code == JERR_OUT_OF_MEMORY)
            return edge_say(words, EDGE_BOUND_NO_MEMORY, "libjpeg-turbo ran out of memory");
        return edge_say(words, EDGE_BOUND_CORRUPT, "libjpeg-turbo: %s", kept.text);
    }
    jpeg_create_decompress(&codec);
    jpeg_mem_src(&codec, coded, (unsigned long)coded_octets);
    (void)jpeg_read_header(&codec, TRUE);
    if (codec.num_components == 3 && wish->colour)
        codec.out_color_space = JCS_RGB;
    else
        codec.out_color_space = codec.jpeg_color_space;
    codec.dct_method = JDCT_ISLOW;
    (void)jpeg_start_decompress(&codec);
    if (codec.output_width != image->columns || codec.output_height != image->rows ||
        codec.output_components != image->components) {
        jpeg_destroy_decompress(&codec);
        return edge_say(words, EDGE_BOUND_CONTRADICTS, "libjpeg-turbo makes an image of another size");
    }
    while (codec.output_scanline < codec.output_height) {
        uint8_t *row = pixels + codec.output_scanline * samples * (image->bits_allocated / 8u);
        (void)jpeg_read_scanlines(&codec, &row, 1);
        widen(row, samples, image);
    }
    (void)jpeg_finish_decompress(&codec);
    jpeg_destroy_decompress(&codec);
    return EDGE_BOUND_DONE;
}

/* ----------------------------------------------------------------------------------------------------------- encode */

edge_bound_result edge_bound_encode(const edge_bound_image *image, const edge_bound_wish *wish, const uint8_t *pixels,
                                    size_t octets, uint8_t *coded, size_t room, size_t *made, char *text,
                                    size_t text_room)
{
    edge_words words = {text, text_room};
    struct jpeg_compress_struct codec;
    complaint kept;
    size_t row = (size_t)image->columns * image->components;
    unsigned char *out = coded;
    unsigned long length = (unsigned long)room;
    edge_bound_result result = edge_image_check(image, octets, words);
    (void)wish;
    if (result != EDGE_BOUND_DONE)
        return result;
    if (image->bits_allocated != 8 || image->is_signed || (image->components != 1 && image->components != 3))
        return edge_say(words, EDGE_BOUND_BAD_IMAGE, "only pictures of 8 bits, grey or RGB, are written as JPEG");
    if (image->columns > JPEG_MAX_DIMENSION || image->rows > JPEG_MAX_DIMENSION)
        return edge_say(words, EDGE_BOUND_BAD_IMAGE, "a JPEG has at most %ld rows and columns",
                        (long)JPEG_MAX_DIMENSION);
    memset(&codec, 0, sizeof codec);
    codec.err = attentive(&kept);
    if (setjmp(kept.back) != 0) {
        jpeg_destroy_compress(&codec);
        if (kept.code == JERR_OUT_OF_MEMORY)
            return edge_say(words, EDGE_BOUND_NO_MEMORY, "libjpeg-turbo ran out of memory");
        return edge_say(words, EDGE_BOUND_BAD_IMAGE, "libjpeg-turbo: %s", kept.text);
    }
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &out, &length);
    codec.image_width = image->columns;
    codec.image_height = image->rows;
    codec.input_components = image->components;
    codec.in_color_space = image->components == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, PICTURE_QUALITY, TRUE);
    codec.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < codec.image_height) {
        /* the library takes rows that it could write to, and does not */
        JSAMPROW line = (JSAMPROW)(uintptr_t)(pixels + codec.next_scanline * row);
        (void)jpeg_write_scanlines(&codec, &line, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    if (out != coded) { /* it did not fit, and the library took memory of its own */
        free(out);
        return edge_say(words, EDGE_BOUND_NO_ROOM, "the picture does not fit the room that was given for it");
    }
    *made = length;
    return EDGE_BOUND_DONE;
}

size_t edge_bound_encoded_limit(const edge_bound_image *image)
{
    return 2 * (size_t)image->columns * image->rows * image->components + 65536;
}
