/* Any octets as pixels: what RLE makes of them comes back, whatever the pieces. */

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t depths[4] = {8, 16, 32, 8};
    if (size < 5)
        return 0;
    edge_image image = {
        .columns = 1u + data[0] + 64u * (data[3] & 63u),
        .rows = 1,
        .components = (uint8_t)(1 + data[1] % 4),
        .bits_allocated = depths[data[1] >> 2 & 3],
        .bits_stored = 8,
        .planar = data[1] >> 4 & 1,
    };
    const int whole = data[1] >> 5 & 1, whole_back = data[1] >> 6 & 1;
    const size_t most = 1u + data[2] * (size_t)data[2];
    const size_t row = edge_image_octets(&image);
    data += 4;
    size -= 4;
    image.rows = (uint32_t)(size / row > 0 ? (size / row < 100 ? size / row : 100) : 1);
    const size_t octets = edge_image_octets(&image), limit = edge_rle_encoded_limit(&image);
    if (limit == 0)
        return 0;
    uint8_t *pixels = fuzz_memory(octets), *stream = fuzz_memory(limit), *one_call = fuzz_memory(limit);
    uint8_t *back = fuzz_memory(octets);
    for (size_t i = 0; i < octets; i++)
        pixels[i] = data[i % size];

    fuzz_dice dice = {3};
    size_t length, given;
    const size_t encoder = edge_rle_encoder_size(&image, whole), decoder = edge_rle_decoder_size(&image, whole_back);
    void *state = fuzz_memory(encoder > decoder ? encoder : decoder);
    FUZZ_CHECK(edge_rle_encode_begin(state, encoder, &image, whole) == EDGE_NEEDS_INPUT);
    FUZZ_CHECK(fuzz_run(edge_rle_encode, state, pixels, octets, whole, most, stream, limit, &length, &dice) ==
               EDGE_DONE);

    FUZZ_CHECK(edge_rle_encode_begin(state, encoder, &image, whole) == EDGE_NEEDS_INPUT);
    edge_io io = {pixels, octets, one_call, limit, 1};
    FUZZ_CHECK(edge_rle_encode(state, &io) == EDGE_DONE && io.in_left == 0);
    FUZZ_CHECK(limit - io.out_left == length && memcmp(one_call, stream, length) == 0);

    FUZZ_CHECK(edge_rle_decode_begin(state, decoder, &image, whole_back) == EDGE_NEEDS_INPUT);
    FUZZ_CHECK(fuzz_run(edge_rle_decode, state, stream, length, whole_back, most, back, octets, &given, &dice) ==
               EDGE_DONE);
    FUZZ_CHECK(given == octets && memcmp(back, pixels, octets) == 0);
    free(state);
    free(pixels);
    free(stream);
    free(one_call);
    free(back);
    return 0;
}
