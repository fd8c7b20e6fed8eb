/* What all codecs share behind the ABI: the sentences of edge_result, and the size of an image. */

#include "edge_codec.h"

const char *edge_result_text(edge_result result)
{
    switch (result) {
    case EDGE_DONE:
        return "done";
    case EDGE_NEEDS_INPUT:
        return "more input is needed";
    case EDGE_NEEDS_OUTPUT:
        return "more room for output is needed";
    case EDGE_TRUNCATED:
        return "the compressed data ends too early";
    case EDGE_CORRUPT:
        return "the compressed data contradicts itself";
    case EDGE_CORRUPT_HEADER:
        return "a header of the compressed data is malformed, missing or out of its place";
    case EDGE_CORRUPT_TABLE:
        return "a code table of the compressed data is impossible or was never defined";
    case EDGE_CORRUPT_CODE:
        return "the compressed data has bits that are no code";
    case EDGE_CORRUPT_RESTART:
        return "a restart marker of the compressed data is missing or out of order";
    case EDGE_UNSUPPORTED:
        return "the data is compressed by a process that is not supported here";
    case EDGE_UNSUPPORTED_DNL:
        return "the compressed data gives its number of rows only at its end (DNL), which is not supported";
    case EDGE_UNSUPPORTED_SAMPLING:
        return "the components of the compressed data differ in size, which is not supported";
    case EDGE_UNSUPPORTED_SCANS:
        return "the components of the compressed data come in an order that needs the whole frame to be held";
    case EDGE_BAD_IMAGE:
        return "the codec cannot code an image of this size, depth or layout";
    case EDGE_BAD_OPTION:
        return "an option of the codec is out of its range";
    case EDGE_BAD_STATE:
        return "the memory given for the codec's state is missing, misaligned, too small or not begun";
    case EDGE_BAD_SAMPLE:
        return "a sample has bits above the bits stored that are not its sign";
    case EDGE_TOO_LARGE:
        return "the compressed image is larger than announced";
    }
    return "unknown result";
}

size_t edge_image_octets(const edge_image *image)
{
    if (image == NULL || image->columns < 1 || image->columns > 65535 || image->rows < 1 || image->rows > 65535 ||
        image->components < 1 || image->components > 4)
        return 0;
    if (image->bits_allocated != 8 && image->bits_allocated != 16 && image->bits_allocated != 32)
        return 0;
    if (image->bits_stored < 1 || image->bits_stored > image->bits_allocated)
        return 0;

    const uint64_t octets =
        (uint64_t)image->columns * image->rows * image->components * (uint64_t)(image->bits_allocated / 8);
    return octets > SIZE_MAX / 2 ? 0 : (size_t)octets;
}
