/*
 * Lines of JPEG-LS, coded and decoded: a template, included once for each way with JLS(name) and JLS_TARGET defined.
 *
 * Encoding looks at a block of samples with vectors first (jpeg_ls_vectors.h); what is left for the loop over samples
 * is the context's state and the bits. Nothing in that loop waits for the sample before, except through a context that
 * both share. Decoding does wait: its loop is as long as the way from one sample, by way of the context that it chooses,
 * to the next. So everything that does not lie on that way is had before it: contexts are found by their signed number,
 * k and the corrections are stored ready for use, and the unary part of the next code is counted ahead of its k.
 */

#include "jpeg_ls_vectors.h"

#define FN JLS_INLINE JLS_TARGET

/* ------------------------------------------------------------------------------------------------ bits, both ways */

/* Write `length` bits, at most 56. */
FN void JLS(put)(jls_pen *pen, uint64_t bits, uint32_t length)
{
    pen->waiting = pen->waiting << length | bits;
    pen->count += length;
    store_64_big(pen->at, pen->waiting << ((64 - pen->count) & 63));
    pen->at += pen->count >> 3;
    pen->count &= 7;
}

/* Any code of T.87 A.5.3, of at most `limit` bits. */
FN void JLS(put_code)(jls_pen *pen, uint32_t mapped, uint32_t k, uint32_t limit, uint32_t qbpp)
{
    const uint32_t zeros = mapped >> k;
    const uint32_t most = limit - qbpp - 1;

    if (zeros < most) {
        JLS(put)(pen, 0, zeros);
        JLS(put)(pen, UINT64_C(1) << k | (mapped & ((1u << k) - 1)), k + 1);
    } else {
        JLS(put)(pen, 0, most);
        JLS(put)(pen, UINT64_C(1) << qbpp | (mapped - 1), qbpp + 1);
    }
}

/* The next bits, the first at the top; at least 57 of them are right. */
FN uint64_t JLS(peek)(const jls_tape *tape)
{
    return load_64_big(tape->octets + (tape->at >> 3)) << (tape->at & 7);
}

/* `length` bits, 1 to 32. */
FN uint32_t JLS(take)(jls_tape *tape, uint32_t length)
{
    const uint64_t bits = JLS(peek)(tape) >> (64 - length);
    tape->at += length;
    return (uint32_t)bits;
}

FN uint32_t JLS(take_code)(jls_tape *tape, uint32_t k, uint32_t limit, uint32_t qbpp)
{
    const uint32_t most = limit - qbpp - 1;
    const uint32_t zeros = (uint32_t)__builtin_clzll(JLS(peek)(tape) | 1);

    if (zeros < most) {
        tape->at += zeros + 1;
        return k == 0 ? zeros : zeros << (k & 31) | JLS(take)(tape, k);
    }
    tape->at += most + 1;
    return JLS(take)(tape, qbpp) + 1;
}

/* -------------------------------------------------------------------------------------------- what both ways share */

/* The least k with n << k >= a; 0 < n < 2^31. */
FN uint32_t JLS(least_k)(uint32_t a, uint32_t n)
{
    const int gap = __builtin_clz(n) - __builtin_clz(a | 1);
    const uint32_t k = gap < 0 ? 0 : (uint32_t)gap;
    return k + ((uint64_t)n << k < a);
}

/* 32 less the least k with n << k >= a; 0 < n <= JLS_USUAL_RESET, a < JLS_MOST_A. */
FN uint32_t JLS(quick_room)(uint32_t a, uint32_t n, const uint32_t *parts)
{
    return (uint32_t)__builtin_clzll((uint64_t)a * parts[n] | UINT64_C(1) << 31);
}

/*
 * A.6.2: bring b back between 1 - n and 0, and return by how much c moves, -1 to 1. In noise each of the cases is as
 * likely as the next, so there must be no branch; masks leave the compiler no choice.
 */
FN int32_t JLS(correct)(int32_t *b, int32_t n)
{
    const int32_t raises = -*b >> 31, lowers = (*b + n - 1) >> 31;
    const int32_t moved = *b + (n & lowers) - (n & raises);
    const int32_t capped = moved > 0 ? 0 : moved;
    *b = capped < 1 - n ? 1 - n : capped;
    return lowers - raises;
}

/* All bits set where the mapping of errors is turned (A.5.2), otherwise 0. */
FN uint32_t JLS(turns)(uint32_t k, int32_t b, int32_t n)
{
    return (uint32_t)((2 * b + n - 1) >> 31) & (uint32_t)((int32_t)(k - 1) >> 31);
}

FN int32_t JLS(middle)(int32_t a, int32_t b, int32_t c)
{
    const int32_t low = a < b ? a : b;
    const int32_t high = a < b ? b : a;
    const int32_t raised = c > low ? c : low;
    return low + high - (raised < high ? raised : high);
}

FN int32_t JLS(bounded)(int32_t number, int32_t most)
{
    return number < 0 ? 0 : number > most ? most : number;
}

/* The division of T.87 A.4.4. */
FN int32_t JLS(coarse)(int32_t error, const jls_model *model)
{
    if (model->near == 0)
        return error;
    if (error >= 0)
        return (int32_t)((uint64_t)(uint32_t)(error + model->near) * model->reciprocal >> 32);
    return -(int32_t)((uint64_t)(uint32_t)(model->near - error) * model->reciprocal >> 32);
}

FN int32_t JLS(wrapped)(int32_t error, const jls_model *model)
{
    if (error < 0)
        error += model->range;
    return error >= (model->range + 1) / 2 ? error - model->range : error;
}

/* The sample that a decoder finds (T.87 A.4.5); whatever the error, one between 0 and maxval. */
FN int32_t JLS(found)(int32_t guess, int32_t signed_error, const jls_model *model)
{
    int32_t sample = guess + signed_error * model->step;
    if (sample < -model->near)
        sample += model->range * model->step;
    else if (sample > model->maxval + model->near)
        sample -= model->range * model->step;
    return JLS(bounded)(sample, model->maxval);
}

FN int JLS(quantised)(int32_t gradient, const jls_model *model)
{
    const int32_t size = gradient < 0 ? -gradient : gradient;
    const int q = (size > model->near) + (size >= model->t1) + (size >= model->t2) + (size >= model->t3);
    return gradient < 0 ? -q : q;
}

FN int JLS(context_of)(int32_t a, int32_t b, int32_t c, int32_t d, const jls_model *model)
{
    return 81 * JLS(quantised)(d - b, model) + 9 * JLS(quantised)(b - c, model) + JLS(quantised)(c - a, model);
}

FN void JLS(learn)(jls_context *context, int32_t error, const jls_model *model)
{
    context->a += (uint32_t)(error < 0 ? -error : error);
    context->b += error * model->step;
    if (context->n == model->reset) {
        context->a >>= 1;
        context->b >>= 1;
        context->n = context->n >> 1;
    }
    context->n++;
    const int32_t n = context->n;
    if (context->b <= -n) {
        context->b = context->b + n > -n ? context->b + n : 1 - n;
        context->c = (int16_t)(context->c > -128 ? context->c - 1 : -128);
    } else if (context->b > 0) {
        context->b = context->b < n ? context->b - n : 0;
        context->c = (int16_t)(context->c < 127 ? context->c + 1 : 127);
    }
}

/* ------------------------------------------------------------------------------------------ what ends a run, A.7.2 */

FN uint32_t JLS(run_k)(const jls_run_context *run, int alike)
{
    return JLS(least_k)(run->a + (alike ? run->n >> 1 : 0), run->n);
}

FN void JLS(run_learn)(jls_run_context *run, int alike, uint32_t mapped, int negative, const jls_model *model)
{
    run->negative += (uint32_t)negative;
    run->a += (mapped + 1 - (uint32_t)alike) >> 1;
    if (run->n == (uint32_t)model->reset) {
        run->a >>= 1;
        run->n >>= 1;
        run->negative >>= 1;
    }
    run->n++;
}

/* Encode the sample behind a run, and return what a decoder will find. */
FN int32_t JLS(encode_end)(jls_model *model, int32_t x, int32_t a, int32_t b, int alike, int run_index, int is_near,
                           jls_pen *pen)
{
    jls_run_context *run = &model->runs[alike];
    const int turn = !alike && a > b;
    const int32_t guess = alike ? a : b;
    int32_t error = turn ? guess - x : x - guess;
    if (is_near)
        error = JLS(coarse)(error, model);
    const int32_t found = is_near ? JLS(found)(guess, turn ? -error : error, model) : x;
    error = JLS(wrapped)(error, model);

    const uint32_t k = JLS(run_k)(run, alike);
    const int map = (k == 0 && error > 0 && 2 * run->negative < run->n) ||
                    (error < 0 && (2 * run->negative >= run->n || k != 0));
    const uint32_t mapped = 2 * (uint32_t)(error < 0 ? -error : error) - (uint32_t)alike - (uint32_t)map;
    JLS(put_code)(pen, mapped, k, (uint32_t)(model->limit - jls_run_bits[run_index] - 1), (uint32_t)model->qbpp);
    JLS(run_learn)(run, alike, mapped, error < 0, model);
    return found;
}

FN int32_t JLS(decode_end)(jls_model *model, int32_t a, int32_t b, int alike, int run_index, jls_tape *tape,
                           uint32_t *damage)
{
    jls_run_context *run = &model->runs[alike];
    const uint32_t k = JLS(run_k)(run, alike);
    const uint32_t mapped = JLS(take_code)(tape, k, (uint32_t)(model->limit - jls_run_bits[run_index] - 1),
                                           (uint32_t)model->qbpp);
    const uint32_t doubled = mapped + (uint32_t)alike;
    const int map = (int)(doubled & 1);
    const int32_t size = (int32_t)((doubled + 1) >> 1 & 0x1FFFF);
    /* `map` is set for negative errors, unless k is 0 and negative ones are the rarer: then for positive ones. */
    const int negative = (k != 0 || 2 * run->negative >= run->n) == map;
    const int32_t error = negative ? -size : size;
    *damage |= doubled;
    JLS(run_learn)(run, alike, mapped, error < 0, model);
    return JLS(found)(alike ? a : b, !alike && a > b ? -error : error, model);
}

/* The length of a run (T.87 A.7.1). `ends`: a sample that differs follows; otherwise the line is full. */
FN void JLS(put_run)(jls_pen *pen, uint8_t *index, uint32_t length, int ends)
{
    uint32_t now = *index, ones = 0;

    for (; length >= 1u << jls_run_bits[now]; ones++) {
        length -= 1u << jls_run_bits[now];
        now += now < 31;
    }
    *index = (uint8_t)now;
    if (ends)
        JLS(put)(pen, ((UINT64_C(1) << ones) - 1) << (jls_run_bits[now] + 1) | length, ones + jls_run_bits[now] + 1);
    else
        JLS(put)(pen, (UINT64_C(1) << (ones + (length > 0))) - 1, ones + (length > 0));
}

/* Of at most `most` samples; `most` itself says that the line is full. A length beyond is damage. */
FN uint32_t JLS(take_run)(jls_tape *tape, uint8_t *index, uint32_t most, uint32_t *damage)
{
    const uint64_t bits = JLS(peek)(tape);
    const uint32_t ones = (uint32_t)__builtin_clzll(~bits | 1);
    const uint32_t now = *index + ones;
    uint32_t length = 0;

    if (now < 32) {
        length = jls_run_sums[now] - jls_run_sums[*index];
        if (length < most) {
            const uint32_t rest = jls_run_bits[now];
            length += (uint32_t)(bits << (ones + 1) >> 1 >> (63 - rest));
            tape->at += ones + 1 + rest;
            *index = (uint8_t)now;
            *damage |= (uint32_t)(length >= most) << 31;
            return length < most ? length : most;
        }
    }
    for (length = 0; length < most; *index = (uint8_t)(*index + (*index < 31))) {
        const uint32_t more = 1u << jls_run_bits[*index];
        if (!JLS(take)(tape, 1)) { /* never in a line that is right */
            *damage |= 1u << 31;
            return most;
        }
        if (more > most - length)
            return most; /* the end of the line cuts this run short */
        length += more;
    }
    return length;
}

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
            JLS(encode_sample)(model, (jls_exact_context *)(void *)(contexts + place), misses[i], lows[i], highs[i], shift,
                               &pen);
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
                                              size_t stride, uint32_t from, uint32_t width, int components, jls_pen *pen)
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
            line[i] = (uint16_t)JLS(encode_end)(model, line[i], a, above[i], over <= model->near && -over <= model->near,
                                                *index, 1, pen);
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

/* ----------------------------------------------------------------------------------------------- the exact decoder */

/* A sample that is not in a run; `q` is the signed number of its context. */
FN int32_t JLS(decode_sample)(const jls_model *model, jls_exact_contexts *all, ptrdiff_t q, int32_t guess, int32_t maxval,
                              jls_tape *tape, uint32_t *damage)
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

FN uint32_t JLS(decode_pixels_of)(jls_model *model, const uint16_t *above, uint16_t *lines, size_t stride, uint32_t from,
                                  uint32_t width, int components, jls_tape *outside, uint32_t *damages, int32_t maxval,
                                  int is_narrow)
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
                q[j] = contexts[j][i - start] + JLS(quick_quantised)(all, *(above + at - 1) - *(lines + at - 1), is_narrow);
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
                    lines[at] = (uint16_t)JLS(decode_end)(model, *(lines + at - 1), above[at], 0, *index, &tape, &damage);
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
