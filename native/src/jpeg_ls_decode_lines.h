/*
 * Lines of JPEG-LS decoded: a part of the template in jpeg_ls_lines.h.
 *
 * The loop is as long as the way from one sample, by way of the context that it chooses, to the next. So everything
 * that does not lie on that way is had before it: contexts are found by their signed number, k and the corrections are
 * stored ready for use, and the unary part of the next code is counted ahead of its k.
 */

/* ----------------------------------------------------------------------------------------------- the exact decoder */

/* A sample that is not in a run; `q` is the signed number of its context. */
FN int32_t JLS(decode_sample)(const jls_model *model, jls_exact_contexts *all, ptrdiff_t q, int32_t guess,
                              int32_t maxval, jls_tape *tape, uint32_t *damage)
{
    const ptrdiff_t far_sign = q >> (sizeof q * 8 - 1);
    const uint32_t sign = (uint32_t)far_sign;
    const ptrdiff_t place = (q ^ far_sign) - far_sign;
    jls_exact_context *const context = &all->contexts[place];
    const uint64_t bits = JLS(peek)(tape);
    const uint32_t zeros = (uint32_t)__builtin_clzll(bits | 1);
    const uint32_t room = all->signed_room[JLS_CONTEXTS + q];
    int32_t c = context->c;
    int32_t b = context->b;
    int32_t n = context->n;
    const uint32_t turned = (uint32_t)((int32_t)((uint32_t)(2 * b + n - 1) & ~(room - 32)) >> 31);
    uint32_t mapped;

    if (JLS_RARELY(zeros >= JLS_RARE_ZEROS)) {
        mapped = JLS(take_code)(tape, 32 - room, (uint32_t)model->limit, (uint32_t)model->qbpp);
    } else {
        /*
         * The number of zeros, and below it the 32 bits that follow their 1: k of these bits further it is the code's
         * value. All but the last shift is done before k is known, which is what there is to wait for.
         */
        const uint64_t behind = (bits << zeros >> 31) + ((uint64_t)(zeros - 1) << 32);
        mapped = (uint32_t)(behind >> room);
        tape->at += zeros + 33 - room;
    }
    guess += (c ^ (int32_t)sign) - (int32_t)sign;
    if (JLS_RARELY((uint32_t)guess > (uint32_t)maxval))
        guess = guess < 0 ? 0 : maxval;
    /* Whatever a damaged stream says, these only wrap. All that does not wait for `mapped` is put together first. */
    const uint32_t odd = 0u - (mapped & 1);
    uint32_t start = (uint32_t)guess - sign, turn = turned ^ sign;
    JLS_FIRST(start);
    JLS_FIRST(turn);
    const int32_t sample = (int32_t)((start + (((mapped >> 1) ^ turn) ^ odd)) & (uint32_t)maxval);
    const uint32_t error = mapped >> 1 ^ odd ^ turned;

    uint32_t a = context->a + (((mapped ^ (turned & 1)) + 1) >> 1);
    b = (int32_t)((uint32_t)b + error);
    if (JLS_RARELY(a > JLS_MOST_A)) {
        *damage |= 1u << 31;
        a = 0;
        b = 0;
    }
    if (JLS_RARELY(n == JLS_USUAL_RESET)) {
        a >>= 1;
        b >>= 1;
        n >>= 1;
    }
    n++;
    JLS_FIRST(n);
    c += JLS(correct)(&b, n);
    if (JLS_RARELY(c != (int8_t)c)) {
        c = c < 0 ? -128 : 127;
        JLS_FIRST(c); /* so that it stays a branch */
    }
    const uint32_t next = JLS(quick_room)(a, (uint32_t)n, all->parts);
    context->a = a;
    context->b = (int8_t)b;
    context->n = (uint8_t)n;
    context->c = (int8_t)c;
    JLS_FIRST(q);
    all->signed_room[JLS_CONTEXTS - q] = (uint8_t)next;
    all->signed_room[JLS_CONTEXTS + q] = (uint8_t)next;
    return sample;
}

/* `is_narrow`: no difference can reach JLS_REACH. */
FN ptrdiff_t JLS(quick_quantised)(const jls_exact_contexts *all, int32_t difference, int is_narrow)
{
    if (is_narrow)
        return (all->quantised + JLS_REACH)[(ptrdiff_t)difference];
    const uint32_t place = (uint32_t)(difference + JLS_REACH);
    if (JLS_RARELY(place >= 2 * JLS_REACH))
        return difference < 0 ? -4 : 4;
    return all->quantised[place];
}

/* How many samples may be decoded before the tape has to be asked again, at least one: each takes at most 64 bits. */
FN uint32_t JLS(allowed)(const jls_tape *tape, uint32_t samples, uint32_t components)
{
    const uint64_t allowed = 1 + (tape->stop - tape->at) / (64 * components);
    return allowed < samples ? (uint32_t)allowed : samples;
}

FN uint32_t JLS(decode_line_of)(jls_model *model, const uint16_t *above, uint16_t *line, uint32_t from, uint32_t width,
                                int component, jls_tape *outside, uint32_t *damages, int32_t maxval, int is_narrow)
{
    struct {
        int16_t contexts[JLS_BLOCK + JLS_PAD], above[JLS_BLOCK + JLS_PAD];
    } block;
    jls_exact_contexts *all = &model->contexts.exact;
    uint32_t damage = 0, start = from, i = 0;
    jls_tape tape = *outside;

    while (start < width && tape.at < tape.stop) {
        const uint32_t end = width - start < JLS_BLOCK ? width - start : JLS_BLOCK;
        uint16_t *here = line + start;
        int32_t a = *(here - 1), c = *(above + start - 1);

        JLS(look_above)(model, above + start, end, block.contexts, block.above);
        i = 0;
        while (i < end && tape.at < tape.stop) {
            const uint32_t pause = i + JLS(allowed)(&tape, end - i, 1);
            while (i < pause) {
                const int32_t b = (uint16_t)block.above[i];
                const ptrdiff_t q = block.contexts[i] + JLS(quick_quantised)(all, c - a, is_narrow);
                if (q != 0) {
                    a = JLS(decode_sample)(model, all, q, JLS(middle)(a, b, c), maxval, &tape, &damage);
                    here[i++] = (uint16_t)a;
                    c = b;
                    continue;
                }
                uint8_t *index = &model->run_index[component];
                const uint32_t length = JLS(take_run)(&tape, index, width - start - i, &damage);
                JLS(fill)(here + i, length);
                i += length;
                if (start + i < width) {
                    c = above[start + i];
                    a = JLS(decode_end)(model, a, c, a == c, *index, &tape, &damage);
                    here[i++] = (uint16_t)a;
                    *index = (uint8_t)(*index - (*index > 0));
                }
            }
        }
        start += i;
    }
    *outside = tape;
    *damages |= damage;
    return start;
}

/* The same loop for 8 bits, where nearly all colour is, for few bits, and for any. */
JLS_TARGET static uint32_t JLS(decode_line)(jls_model *model, const uint16_t *above, uint16_t *line, uint32_t from,
                                            uint32_t width, int component, jls_tape *tape, uint32_t *damage)
{
    if (model->bits == 8)
        return JLS(decode_line_of)(model, above, line, from, width, component, tape, damage, 0xFF, 1);
    if (model->bits <= 10)
        return JLS(decode_line_of)(model, above, line, from, width, component, tape, damage, model->maxval, 1);
    return JLS(decode_line_of)(model, above, line, from, width, component, tape, damage, model->maxval, 0);
}

FN uint32_t JLS(decode_pixels_of)(jls_model *model, const uint16_t *above, uint16_t *lines, size_t stride,
                                  uint32_t from, uint32_t width, int components, jls_tape *outside,
                                  uint32_t *damages, int32_t maxval, int is_narrow)
{
    int16_t contexts[JLS_COMPONENTS][JLS_BLOCK / JLS_COMPONENTS + JLS_PAD];
    int16_t unused[JLS_BLOCK / JLS_COMPONENTS + JLS_PAD];
    jls_exact_contexts *all = &model->contexts.exact;
    const uint32_t block = JLS_BLOCK / JLS_COMPONENTS;
    uint32_t damage = 0, i = from;
    jls_tape tape = *outside;

    while (i < width && tape.at < tape.stop) {
        const uint32_t start = i;
        const uint32_t end = width - i < block ? width : i + block;

        for (int j = 0; j < components; j++)
            JLS(look_above)(model, above + (size_t)j * stride + i, end - i, contexts[j], unused);
        while (i < end && tape.at < tape.stop) {
            ptrdiff_t q[JLS_COMPONENTS], any = 0;
            for (int j = 0; j < components; j++) {
                const size_t at = (size_t)j * stride + i;
                const int32_t step = *(above + at - 1) - *(lines + at - 1);
                q[j] = contexts[j][i - start] + JLS(quick_quantised)(all, step, is_narrow);
                any |= q[j];
            }
            if (any != 0) {
                for (int j = 0; j < components; j++) {
                    const size_t at = (size_t)j * stride + i;
                    const int32_t guess = JLS(middle)(*(lines + at - 1), above[at], *(above + at - 1));
                    lines[at] = (uint16_t)JLS(decode_sample)(model, all, q[j], guess, maxval, &tape, &damage);
                }
                i++;
                continue;
            }
            uint8_t *index = &model->run_index[0];
            const uint32_t length = JLS(take_run)(&tape, index, width - i, &damage);
            for (int j = 0; j < components; j++) {
                uint16_t *line = lines + (size_t)j * stride + i;
                for (uint32_t x = 0; x < length; x++)
                    line[x] = line[-1];
            }
            i += length;
            if (i < width) {
                for (int j = 0; j < components; j++) {
                    const size_t at = (size_t)j * stride + i;
                    const int32_t a = *(lines + at - 1);
                    lines[at] = (uint16_t)JLS(decode_end)(model, a, above[at], 0, *index, &tape, &damage);
                }
                *index = (uint8_t)(*index - (*index > 0));
                i++;
            }
        }
    }
    *outside = tape;
    *damages |= damage;
    return i;
}

JLS_TARGET static uint32_t JLS(decode_pixels)(jls_model *model, const uint16_t *above, uint16_t *lines, size_t stride,
                                              uint32_t from, uint32_t width, int components, jls_tape *tape,
                                              uint32_t *damage)
{
    if (model->bits == 8 && components == 3)
        return JLS(decode_pixels_of)(model, above, lines, stride, from, width, 3, tape, damage, 0xFF, 1);
    return JLS(decode_pixels_of)(model, above, lines, stride, from, width, components, tape, damage, model->maxval, 0);
}

/* --------------------------------------------------------------------------------------------- the general decoder */

FN int32_t JLS(decode_any)(jls_model *model, int q, int32_t guess, jls_tape *tape, uint32_t *damage)
{
    jls_context *context = &model->contexts.general[q < 0 ? -q : q];
    const uint32_t k = JLS(least_k)(context->a, context->n);
    const uint32_t mapped = JLS(take_code)(tape, k, (uint32_t)model->limit, (uint32_t)model->qbpp) & 0x3FFFF;
    const int32_t turned = -(model->near == 0 && k == 0 && 2 * context->b <= -(int32_t)context->n);
    const int32_t error = (int32_t)(mapped >> 1) ^ -(int32_t)(mapped & 1) ^ turned;

    guess = JLS(bounded)(guess + (q < 0 ? -context->c : context->c), model->maxval);
    *damage |= mapped;
    JLS(learn)(context, error, model);
    return JLS(found)(guess, q < 0 ? -error : error, model);
}

JLS_TARGET static uint32_t JLS(decode_line_general)(jls_model *model, const uint16_t *above, uint16_t *line,
                                                    uint32_t from, uint32_t width, int component, jls_tape *tape,
                                                    uint32_t *damage)
{
    uint32_t i = from;

    while (i < width && tape->at < tape->stop) {
        const int32_t a = line[(int64_t)i - 1], b = above[i], c = above[(int64_t)i - 1], d = above[i + 1];
        const int q = JLS(context_of)(a, b, c, d, model);
        if (q != 0) {
            line[i++] = (uint16_t)JLS(decode_any)(model, q, JLS(middle)(a, b, c), tape, damage);
            continue;
        }
        uint8_t *index = &model->run_index[component];
        const uint32_t length = JLS(take_run)(tape, index, width - i, damage);
        for (uint32_t j = 0; j < length; j++)
            line[i + j] = (uint16_t)a;
        i += length;
        if (i < width) {
            const int32_t over = above[i] - a;
            line[i] = (uint16_t)JLS(decode_end)(model, a, above[i], over <= model->near && -over <= model->near, *index,
                                                tape, damage);
            *index = (uint8_t)(*index - (*index > 0));
            i++;
        }
    }
    return i;
}

JLS_TARGET static uint32_t JLS(decode_pixels_general)(jls_model *model, const uint16_t *above, uint16_t *lines,
                                                      size_t stride, uint32_t from, uint32_t width, int components,
                                                      jls_tape *tape, uint32_t *damage)
{
    uint32_t i = from;

    while (i < width && tape->at < tape->stop) {
        int q[JLS_COMPONENTS], any = 0;
        for (int j = 0; j < components; j++) {
            const uint16_t *over = above + (size_t)j * stride + i;
            q[j] = JLS(context_of)(*(lines + (size_t)j * stride + i - 1), over[0], over[-1], over[1], model);
            any |= q[j];
        }
        if (any != 0) {
            for (int j = 0; j < components; j++) {
                const uint16_t *over = above + (size_t)j * stride + i;
                uint16_t *x = lines + (size_t)j * stride + i;
                *x = (uint16_t)JLS(decode_any)(model, q[j], JLS(middle)(x[-1], over[0], over[-1]), tape, damage);
            }
            i++;
            continue;
        }
        uint8_t *index = &model->run_index[0];
        const uint32_t length = JLS(take_run)(tape, index, width - i, damage);
        for (int j = 0; j < components; j++) {
            uint16_t *line = lines + (size_t)j * stride + i;
            for (uint32_t x = 0; x < length; x++)
                line[x] = line[-1];
        }
        i += length;
        if (i < width) {
            for (int j = 0; j < components; j++) {
                uint16_t *x = lines + (size_t)j * stride + i;
                *x = (uint16_t)JLS(decode_end)(model, x[-1], above[(size_t)j * stride + i], 0, *index, tape, damage);
            }
            *index = (uint8_t)(*index - (*index > 0));
            i++;
        }
    }
    return i;
}
