/* Any octets as pixels: what lossless JPEG makes of them comes back, whatever the options and the pieces. */

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 8)
        return 0;
    const int is_wide = data[1] >> 2 & 1;
    edge_image image = {
        .columns = 1u + data[0] + 16u * (data[3] & 63u),
        .rows = 1,
        .components = (uint8_t)(1 + data[1] % 4),
        .bits_allocated = is_wide ? 16 : 8,
        .bits_stored = (uint8_t)(is_wide ? 1 + data[4] % 16 : 1 + data[4] % 8),
        .is_signed = data[1] >> 3 & 1,
        .planar = data[1] >> 4 & 1,
    };
    edge_jpeg_lossless_options options = {
        .predictor = (uint8_t)(1 + data[5] % 7),
        .passes = (uint8_t)(1 + (data[1] >> 5 & 1)),
        .whole_input = data[1] >> 6 & 1,
        .restart_rows = data[5] >> 3 & 3,
    };
    const size_t most = 1u + data[2] * (size_t)data[2];
    data += 6;
    size -= 6;
    const size_t row = edge_image_octets(&image);
    image.rows = (uint32_t)(size / row > 0 ? (size / row < 100 ? size / row : 100) : 1);
    const size_t octets = edge_image_octets(&image), limit = octets * 8 + 1000 + image.rows * 16;
    uint8_t *pixels = fuzz_memory(octets), *stream = fuzz_memory(limit), *one_call = fuzz_memory(limit);
    uint8_t *back = fuzz_memory(octets);

    /* Pixels with the sign where it belongs and nothing above. */
    const unsigned above = image.bits_allocated - image.bits_stored;
    for (size_t i = 0; i < octets; i += is_wide ? 2 : 1) {
        unsigned value = data[i % size] | (is_wide ? (unsigned)data[(i + 1) % size] << 8 : 0);
        value = value << above & (is_wide ? 0xFFFFu : 0xFFu);
        value = image.is_signed ? (unsigned)((is_wide ? (int16_t)value : (int8_t)value) >> above) : value >> above;
        pixels[i] = (uint8_t)value;
        if (is_wide)
            pixels[i + 1] = (uint8_t)(value >> 8);
    }

    fuzz_dice dice = {5};
    size_t length, given;
    const size_t encoder = edge_jpeg_lossless_encoder_size(&image, &options);
    void *state = fuzz_memory(encoder);
    edge_jpeg_lossless_statistics statistics;
    FUZZ_CHECK(edge_jpeg_lossless_encode_begin(state, encoder, &image, &options, NULL) == EDGE_NEEDS_INPUT);
    FUZZ_CHECK(fuzz_run(edge_jpeg_lossless_encode, state, pixels, octets, options.whole_input, most, stream, limit,
                        &length, &dice) == EDGE_DONE);
    FUZZ_CHECK(edge_jpeg_lossless_encoded_statistics(state, &statistics) == EDGE_DONE);

    FUZZ_CHECK(edge_jpeg_lossless_encode_begin(state, encoder, &image, &options, NULL) == EDGE_NEEDS_INPUT);
    edge_io io = {pixels, octets, one_call, limit, 1};
    FUZZ_CHECK(edge_jpeg_lossless_encode(state, &io) == EDGE_DONE && io.in_left == 0);
    FUZZ_CHECK(limit - io.out_left == length && memcmp(one_call, stream, length) == 0);
    free(state);

    const int holds = (int)(length & 1);
    const size_t decoder = edge_jpeg_lossless_decoder_size(&image, holds);
    state = fuzz_memory(decoder);
    FUZZ_CHECK(edge_jpeg_lossless_decode_begin(state, decoder, &image, holds) == EDGE_NEEDS_INPUT);
    FUZZ_CHECK(fuzz_run(edge_jpeg_lossless_decode, state, stream, length, 0, most, back, octets, &given, &dice) ==
               EDGE_DONE);
    FUZZ_CHECK(given == octets && memcmp(back, pixels, octets) == 0);
    free(state);
    free(pixels);
    free(stream);
    free(one_call);
    free(back);
    return 0;
}
