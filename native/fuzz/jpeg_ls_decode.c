/*
 * Any octets as JPEG-LS, in pieces: what the ABI promises holds on the way. The first four octets choose the bounds and
 * the sizes of the pieces, the rest is the stream.
 */

#include "edge_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t columns[4] = {65535, 4096, 300, 17};
    edge_image image = {0, 0, 0, 0, 0, 0, 0, 0};
    edge_io io = {NULL, 0, NULL, 0, 0};
    edge_result result;
    uint64_t produced = 0;

    if (size < 4)
        return 0;
    image.columns = columns[data[0] & 3];
    image.components = (uint8_t)(1 + (data[0] >> 2 & 3));
    image.bits_allocated = (uint8_t)((data[0] >> 4 & 3) == 3 ? 0 : (data[0] >> 4 & 3) * 8);
    image.is_signed = data[0] >> 6 & 1;
    image.bits_stored = data[1] & 15;
    const int takes_sampling = data[0] >> 7;
    const size_t piece = data[2] == 0 ? SIZE_MAX : data[2];
    const size_t room = data[3] == 0 ? 65536 : data[3];
    data += 4;
    size -= 4;

    /* Each buffer is exactly as large as promised, so that a sanitizer sees one octet too many. */
    const size_t state_size = edge_jpeg_ls_decoder_size(&image);
    check(state_size > 0, "these bounds can be decoded");
    uint8_t *state = malloc(state_size), *out = malloc(room);
    check(state != NULL && out != NULL, "memory");
    memset(state, 0xA5, state_size);
    result = edge_jpeg_ls_decode_begin(state, state_size, &image, takes_sampling);
    check(result == EDGE_NEEDS_INPUT, "begun");

    size_t given = 0;
    uint8_t *in = NULL;
    while (result > 0) {
        if (io.in_left == 0 && given < size) {
            const size_t more = size - given < piece ? size - given : piece;
            free(in);
            in = malloc(more);
            check(in != NULL, "memory");
            memcpy(in, data + given, more);
            given += more;
            io.in = in;
            io.in_left = more;
        }
        io.in_ended = given == size;
        io.out = out;
        io.out_left = room;
        const size_t had = io.in_left;
        result = edge_jpeg_ls_decode(state, &io);
        check(io.out_left <= room && io.out == out + (room - io.out_left), "output is counted");
        check(io.in_left <= had, "input is counted");
        check(result != EDGE_NEEDS_INPUT || (io.in_left == 0 && !io.in_ended), "input is asked for when there is none");
        check(result != EDGE_NEEDS_OUTPUT || io.out_left < room || io.in_left < had, "something was done");
        produced += room - io.out_left;
        if (produced > (UINT64_C(1) << 22))
            break; /* a few octets may rightly become 16 gigabytes */
    }
    if (result == EDGE_DONE) {
        edge_image found;
        check(edge_jpeg_ls_decoded_image(state, &found) == EDGE_DONE, "the image is known");
        check(found.columns <= image.columns && found.components <= image.components, "bounds are kept");
        if (!takes_sampling)
            check(produced == edge_image_octets(&found), "all pixels are there");
    }
    if (result <= 0)
        check(edge_jpeg_ls_decode(state, &io) == result, "an end stays");
    free(in);
    free(out);
    free(state);
    return 0;
}
