/*
 * Lines of JPEG-LS, coded and decoded: a template, included once for each way with JLS(name) and JLS_TARGET defined.
 *
 * Its parts stand in files of their own: whole vectors of samples, codes, the encoders, the decoders. Here are the
 * samples as the caller has them, and the table of all that makes a way.
 */

#include "jpeg_ls_vectors.h"

#define FN JLS_INLINE JLS_TARGET

#include "jpeg_ls_codes.h"
#include "jpeg_ls_decode_lines.h"
#include "jpeg_ls_encode_lines.h"

/* ------------------------------------------------------------------------------------------ the caller's samples */

JLS_TARGET static uint32_t JLS(in_8)(uint16_t *line, const uint8_t *in, uint32_t count, size_t pitch, uint32_t mask,
                                     uint32_t half)
{
    uint32_t high = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t sample = in[i * pitch];
        high |= (sample + half) & 0xFF;
        line[i] = (uint16_t)(sample & mask);
    }
    return high & ~mask;
}

JLS_TARGET static uint32_t JLS(in_16)(uint16_t *line, const uint8_t *in, uint32_t count, size_t pitch, uint32_t mask,
                                      uint32_t half)
{
    uint16_t high = 0;
    if (pitch == 2) {
        for (size_t i = 0; i < count; i++) {
            const uint16_t sample = load_16(in + i * 2);
            high |= (uint16_t)(sample + half);
            line[i] = (uint16_t)(sample & mask);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            const uint16_t sample = load_16(in + i * pitch);
            high |= (uint16_t)(sample + half);
            line[i] = (uint16_t)(sample & mask);
        }
    }
    return high & ~mask;
}

/* Sign extension: turn the top bit and subtract it; `half` is that bit, or 0. */
JLS_TARGET static void JLS(out_8)(uint8_t *out, const uint16_t *line, uint32_t count, size_t pitch, uint32_t mask,
                                  uint32_t half)
{
    for (size_t i = 0; i < count; i++)
        out[i * pitch] = (uint8_t)(((line[i] & mask) ^ half) - half);
}

JLS_TARGET static void JLS(out_16)(uint8_t *out, const uint16_t *line, uint32_t count, size_t pitch, uint32_t mask,
                                   uint32_t half)
{
    if (pitch == 2)
        for (size_t i = 0; i < count; i++)
            store_16(out + i * 2, (uint16_t)(((line[i] & mask) ^ half) - half));
    else
        for (size_t i = 0; i < count; i++)
            store_16(out + i * pitch, (uint16_t)(((line[i] & mask) ^ half) - half));
}

/* -------------------------------------------------------------------------------------------------------- the way */

static const jls_way JLS(way) = {
    JLS_NAME,
    JLS(in_8),
    JLS(in_16),
    JLS(in_rgb),
    JLS(out_8),
    JLS(out_16),
    JLS(out_rgb),
    JLS(encode_line),
    JLS(encode_pixels),
    JLS(encode_line_general),
    JLS(encode_pixels_general),
    JLS(decode_line),
    JLS(decode_pixels),
    JLS(decode_line_general),
    JLS(decode_pixels_general),
};

#undef FN
