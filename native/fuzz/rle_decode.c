/* Any octets as an RLE stream: from the whole input and in pieces, which must agree. */

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static edge_result decode(const edge_image *image, int whole, size_t most, const uint8_t *data, size_t size,
                          uint8_t *out, size_t *given)
{
    const size_t state_size = edge_rle_decoder_size(image, whole);
    void *state = fuzz_memory(state_size);
    fuzz_dice dice = {7};

    memset(state, 0xA5, state_size);
    FUZZ_CHECK(edge_rle_decode_begin(state, state_size, image, whole) == EDGE_NEEDS_INPUT);
    const edge_result result =
        fuzz_run(edge_rle_decode, state, data, size, whole, most, out, edge_image_octets(image), given, &dice);
    free(state);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t depths[4] = {8, 16, 32, 8};
    if (size < 4)
        return 0;
    const edge_image image = {
        .columns = 1u + data[0],
        .rows = 1u + data[1] % 32u,
        .components = (uint8_t)(1 + data[2] % 4),
        .bits_allocated = depths[data[2] >> 2 & 3],
        .bits_stored = 8,
        .planar = data[2] >> 4 & 1,
    };
    const size_t octets = edge_image_octets(&image);
    const size_t most = 1u + data[3];
    uint8_t *first = fuzz_memory(octets), *second = fuzz_memory(octets);
    size_t first_given, second_given;

    if (edge_rle_decoder_size(&image, 0) > 0) {
        const edge_result whole = decode(&image, 1, most, data + 4, size - 4, first, &first_given);
        const edge_result pieces = decode(&image, 0, most, data + 4, size - 4, second, &second_given);
        FUZZ_CHECK((whole == EDGE_DONE) == (pieces == EDGE_DONE));
        const size_t both = first_given < second_given ? first_given : second_given;
        FUZZ_CHECK(memcmp(first, second, both) == 0);
    }
    free(first);
    free(second);
    return 0;
}
