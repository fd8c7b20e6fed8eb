/* Any octets as a lossless JPEG: in one call and in pieces, which must agree; and with the frame held. */

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 300, ROWS = 24, OCTETS = COLUMNS * ROWS * 4 * 2 };

static edge_result decode(const edge_image *wanted, int holds, int whole, size_t most, const uint8_t *data, size_t size,
                          uint8_t *out, size_t *given)
{
    const size_t state_size = edge_jpeg_lossless_decoder_size(wanted, holds);
    void *state = fuzz_memory(state_size);
    fuzz_dice dice = {11};
    edge_image image;

    memset(state, 0xA5, state_size);
    FUZZ_CHECK(edge_jpeg_lossless_decode_begin(state, state_size, wanted, holds) == EDGE_NEEDS_INPUT);
    const edge_result result =
        fuzz_run(edge_jpeg_lossless_decode, state, data, size, whole, most, out, OCTETS, given, &dice);
    if (edge_jpeg_lossless_decoded_image(state, &image) == EDGE_DONE && result == EDGE_DONE && image.rows <= ROWS)
        FUZZ_CHECK(*given == edge_image_octets(&image));
    free(state);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    const edge_image wanted = {
        .columns = COLUMNS,
        .rows = ROWS,
        .components = 4,
        .bits_allocated = (uint8_t)(8 * (data[0] % 3)),
        .bits_stored = 0,
        .is_signed = data[0] >> 4 & 1,
        .planar = data[0] >> 5 & 1,
    };
    const size_t most = 1u + data[1] * (size_t)data[1];
    uint8_t *first = fuzz_memory(OCTETS), *second = fuzz_memory(OCTETS);
    size_t first_given, second_given;

    const edge_result whole = decode(&wanted, 0, 1, 1u << 20, data + 2, size - 2, first, &first_given);
    const edge_result pieces = decode(&wanted, 0, 0, most, data + 2, size - 2, second, &second_given);
    FUZZ_CHECK(whole == pieces && first_given == second_given);
    FUZZ_CHECK(memcmp(first, second, first_given) == 0);
    decode(&wanted, 1, 0, most, data + 2, size - 2, second, &second_given);
    free(first);
    free(second);
    return 0;
}
