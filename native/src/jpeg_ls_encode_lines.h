/*
 * Lines of JPEG-LS encoded: a part of the template in jpeg_ls_lines.h.
 *
 * A block of samples is looked at with vectors first (jpeg_ls_vectors.h); what is left for the loop over samples is the
 * context's state and the bits. Nothing in that loop waits for the sample before, except through a context that both
 * share.
 */

/* ----------------------------------------------------------------------------------------------- the exact encoder */

FN void JLS(encode_sample)(const jls_model *model, jls_exact_context *context, int32_t miss, int32_t low, int32_t high,
                           uint32_t shift, jls_pen *pen)
{
    int32_t c = context->c;
    int32_t b = context->b;
    int32_t n = context->n;
    uint32_t a = context->a;
    const uint32_t k = context->k;

    c = c < low ? low : c;
    c = c > high ? high : c;
    const int32_t error = (int32_t)((uint32_t)(miss - c) << shift) >> shift;
    const uint32_t straight = (uint32_t)error << 1 ^ (uint32_t)(error >> 31);
    const uint32_t mapped = straight ^ (JLS(turns)(k, b, n) & 1);
    const uint32_t zeros = mapped >> k;
    if (JLS_RARELY(zeros >= JLS_RARE_ZEROS))
        JLS(put_code)(pen, mapped, k, (uint32_t)model->limit, (uint32_t)model->qbpp);
    else
        JLS(put)(pen, UINT64_C(1) << k | (mapped & ((1u << k) - 1)), zeros + k + 1);

    a += (straight + 1) >> 1;
    b += error;
    if (JLS_RARELY(n == JLS_USUAL_RESET)) {
        a >>= 1;
        b >>= 1;
        n >>= 1;
    }
    n++;
    c = context->c + JLS(correct)(&b, n);
    if (JLS_RARELY((uint32_t)(c + 128) > 255))
        c = c < 0 ? -128 : 127;
    const uint32_t next = 32 - JLS(quick_room)(a, (uint32_t)n, jls_parts);
    context->a = a;
    context->b = (int8_t)b;
    context->c = (int8_t)c;
    context->n = (uint8_t)n;
    context->k = (uint8_t)next;
}

JLS_TARGET static uint32_t JLS(encode_line)(jls_model *model, const uint16_t *above, const uint16_t *line,
                                            uint32_t from, uint32_t width, int component, jls_pen *outside)
{
    int16_t places[JLS_BLOCK + JLS_PAD], misses[JLS_BLOCK + JLS_PAD];
    int16_t lows[JLS_BLOCK + JLS_PAD], highs[JLS_BLOCK + JLS_PAD];
    const uint32_t count = width - from < JLS_BLOCK ? width - from : JLS_BLOCK;
    const uint32_t shift = 32u - model->bits;
    char *contexts = (char *)model->contexts.exact.contexts;
    jls_pen pen = *outside;
    uint32_t i = 0;

    above += from;
    line += from;
    JLS(look)(model, above, line, count, places, misses, lows, highs);
    while (i < count) {
        const int32_t place = places[i];
        if (place != 0) {
            JLS(encode_sample)(model, (jls_exact_context *)(void *)(contexts + place), misses[i], lows[i], highs[i],
                               shift, &pen);
            i++;
        } else {
            uint8_t *index = &model->run_index[component];
            const uint32_t length = JLS(run_of)(line + i, width - from - i);
            const uint16_t a = line[(int64_t)i - 1];
            i += length;
            if (from + i == width) {
                JLS(put_run)(&pen, index, length, 0);
                break;
            }
            JLS(put_run)(&pen, index, length, 1);
            JLS(encode_end)(model, line[i], a, above[i], a == above[i], *index, 0, &pen);
            *index = (uint8_t)(*index - (*index > 0));
            i++;
        }
    }
    *outside = pen;
    return from + i;
}

FN uint32_t JLS(encode_pixels_of)(jls_model *model, const uint16_t *above, const uint16_t *lines, size_t stride,
                                  uint32_t from, uint32_t width, int components, jls_pen *outside)
{
    enum { ROOM = JLS_BLOCK / JLS_COMPONENTS + JLS_PAD };
    int16_t places[JLS_COMPONENTS][ROOM], misses[JLS_COMPONENTS][ROOM];
    int16_t lows[JLS_COMPONENTS][ROOM], highs[JLS_COMPONENTS][ROOM];
    const uint32_t block = JLS_BLOCK / JLS_COMPONENTS;
    const uint32_t count = width - from < block ? width - from : block;
    const uint32_t shift = 32u - model->bits;
    char *contexts = (char *)model->contexts.exact.contexts;
    jls_pen pen = *outside;
    uint32_t i = 0;

    above += from;
    lines += from;
    for (int j = 0; j < components; j++)
        JLS(look)(model, above + (size_t)j * stride, lines + (size_t)j * stride, count, places[j], misses[j], lows[j],
                  highs[j]);
    while (i < count) {
        int32_t any = 0;
        for (int j = 0; j < components; j++)
            any |= places[j][i];
        if (any != 0) {
            for (int j = 0; j < components; j++)
                JLS(encode_sample)(model, (jls_exact_context *)(void *)(contexts + places[j][i]), misses[j][i],
                                   lows[j][i], highs[j][i], shift, &pen);
            i++;
        } else {
            uint8_t *index = &model->run_index[0];
            uint32_t length = width - from - i;
            for (int j = 0; j < components; j++)
                length = JLS(run_of)(lines + (size_t)j * stride + i, length);
            const uint32_t start = i;
            i += length;
            if (from + i == width) {
                JLS(put_run)(&pen, index, length, 0);
                break;
            }
            JLS(put_run)(&pen, index, length, 1);
            for (int j = 0; j < components; j++)
                JLS(encode_end)(model, lines[(size_t)j * stride + i], *(lines + (size_t)j * stride + start - 1),
                                above[(size_t)j * stride + i], 0, *index, 0, &pen);
            *index = (uint8_t)(*index - (*index > 0));
            i++;
        }
    }
    *outside = pen;
    return from + i;
}

JLS_TARGET static uint32_t JLS(encode_pixels)(jls_model *model, const uint16_t *above, const uint16_t *lines,
                                              size_t stride, uint32_t from, uint32_t width, int components,
                                              jls_pen *pen)
{
    if (components == 3)
        return JLS(encode_pixels_of)(model, above, lines, stride, from, width, 3, pen);
    return JLS(encode_pixels_of)(model, above, lines, stride, from, width, components, pen);
}

/* --------------------------------------------------------------------------------------------- the general encoder */

FN int32_t JLS(encode_any)(jls_model *model, int q, int32_t x, int32_t guess, jls_pen *pen)
{
    jls_context *context = &model->contexts.general[q < 0 ? -q : q];
    const uint32_t k = JLS(least_k)(context->a, context->n);

    guess = JLS(bounded)(guess + (q < 0 ? -context->c : context->c), model->maxval);
    int32_t error = JLS(coarse)(q < 0 ? guess - x : x - guess, model);
    const int32_t found = JLS(found)(guess, q < 0 ? -error : error, model);
    error = JLS(wrapped)(error, model);
    const uint32_t straight = (uint32_t)error << 1 ^ (uint32_t)(error >> 31);
    const uint32_t turned = model->near == 0 && k == 0 && 2 * context->b <= -(int32_t)context->n;
    JLS(put_code)(pen, straight ^ turned, k, (uint32_t)model->limit, (uint32_t)model->qbpp);
    JLS(learn)(context, error, model);
    return found;
}

JLS_TARGET static uint32_t JLS(encode_line_general)(jls_model *model, const uint16_t *above, uint16_t *line,
                                                    uint32_t from, uint32_t width, int component, jls_pen *pen)
{
    const uint32_t end = width - from < JLS_BLOCK ? width : from + JLS_BLOCK;
    uint32_t i = from;

    while (i < end) {
        const int32_t a = line[(int64_t)i - 1], b = above[i], c = above[(int64_t)i - 1], d = above[i + 1];
        const int q = JLS(context_of)(a, b, c, d, model);
        if (q != 0) {
            line[i] = (uint16_t)JLS(encode_any)(model, q, line[i], JLS(middle)(a, b, c), pen);
            i++;
            continue;
        }
        uint8_t *index = &model->run_index[component];
        const uint32_t start = i;
        while (i < width && line[i] - a <= model->near && a - line[i] <= model->near)
            line[i++] = (uint16_t)a;
        JLS(put_run)(pen, index, i - start, i < width);
        if (i < width) {
            const int32_t over = above[i] - a;
            const int alike = over <= model->near && -over <= model->near;
            line[i] = (uint16_t)JLS(encode_end)(model, line[i], a, above[i], alike, *index, 1, pen);
            *index = (uint8_t)(*index - (*index > 0));
            i++;
        }
    }
    return i;
}

JLS_TARGET static uint32_t JLS(encode_pixels_general)(jls_model *model, const uint16_t *above, uint16_t *lines,
                                                      size_t stride, uint32_t from, uint32_t width, int components,
                                                      jls_pen *pen)
{
    const uint32_t block = JLS_BLOCK / JLS_COMPONENTS;
    const uint32_t end = width - from < block ? width : from + block;
    uint32_t i = from;

    while (i < end) {
        int q[JLS_COMPONENTS] = {0}, any = 0;
        for (int j = 0; j < components; j++) {
            const uint16_t *over = above + (size_t)j * stride + i;
            q[j] = JLS(context_of)(*(lines + (size_t)j * stride + i - 1), over[0], over[-1], over[1], model);
            any |= q[j];
        }
        if (any != 0) {
            for (int j = 0; j < components; j++) {
                const uint16_t *over = above + (size_t)j * stride + i;
                uint16_t *x = lines + (size_t)j * stride + i;
                *x = (uint16_t)JLS(encode_any)(model, q[j], *x, JLS(middle)(x[-1], over[0], over[-1]), pen);
            }
            i++;
            continue;
        }
        const uint32_t start = i;
        for (; i < width; i++) {
            int far = 0;
            for (int j = 0; j < components; j++) {
                const uint16_t *a = lines + (size_t)j * stride + start - 1;
                const int32_t off = lines[(size_t)j * stride + i] - *a;
                far |= off > model->near || -off > model->near;
            }
            if (far)
                break;
            for (int j = 0; j < components; j++)
                lines[(size_t)j * stride + i] = *(lines + (size_t)j * stride + start - 1);
        }
        uint8_t *index = &model->run_index[0];
        JLS(put_run)(pen, index, i - start, i < width);
        if (i < width) {
            for (int j = 0; j < components; j++) {
                uint16_t *x = lines + (size_t)j * stride + i;
                *x = (uint16_t)JLS(encode_end)(model, *x, x[-1], above[(size_t)j * stride + i], 0, *index, 1, pen);
            }
            *index = (uint8_t)(*index - (*index > 0));
            i++;
        }
    }
    return i;
}
