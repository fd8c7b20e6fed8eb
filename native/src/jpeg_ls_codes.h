/*
 * The codes of JPEG-LS bit by bit, its contexts and what ends a run: a part of the template in jpeg_ls_lines.h, for the
 * encoders and the decoders.
 */

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
