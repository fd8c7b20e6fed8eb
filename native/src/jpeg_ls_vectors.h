/*
 * Whole vectors of samples for the lines of JPEG-LS. Included once for each way, with JLS(name) and JLS_TARGET defined
 * and one of JLS_AVX2, JLS_SSE2, JLS_NEON or none of them: then a vector is one number, and this is the scalar twin.
 *
 * Lanes are 16 bits and signed. Samples come in with their top bit turned, so that the order is that of signed numbers.
 */

#if defined(JLS_AVX2)

#define LANES 16
typedef __m256i JLS(vector);
#define V JLS(vector)
#define LANED(name) JLS_INLINE JLS_TARGET V JLS(name)

LANED(load)(const uint16_t *from) { return _mm256_loadu_si256((const __m256i *)(const void *)from); }
LANED(all)(int number) { return _mm256_set1_epi16((short)number); }
LANED(plus)(V one, V other) { return _mm256_add_epi16(one, other); }
LANED(minus)(V one, V other) { return _mm256_sub_epi16(one, other); }
LANED(minus_at_most)(V one, V other) { return _mm256_subs_epi16(one, other); }
LANED(times)(V one, V other) { return _mm256_mullo_epi16(one, other); }
LANED(smaller)(V one, V other) { return _mm256_min_epi16(one, other); }
LANED(larger)(V one, V other) { return _mm256_max_epi16(one, other); }
LANED(is_more)(V one, V other) { return _mm256_cmpgt_epi16(one, other); }
LANED(both)(V one, V other) { return _mm256_and_si256(one, other); }
LANED(turned)(V one, V other) { return _mm256_xor_si256(one, other); }

JLS_INLINE JLS_TARGET void JLS(store)(int16_t *to, V vector)
{
    _mm256_storeu_si256((__m256i *)(void *)to, vector);
}

/* How many of the first lanes are equal. */
JLS_INLINE JLS_TARGET unsigned JLS(alike)(V one, V other)
{
    const unsigned differ = ~(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi16(one, other));
    return differ == 0 ? LANES : (unsigned)__builtin_ctz(differ) / 2;
}

/* Sixteen RGB pixels of 8 bits at once. */
JLS_TARGET static uint32_t JLS(many_rgb_in)(uint16_t *const lines[3], const uint8_t *in, uint32_t count)
{
    const __m128i first[3] = {
        _mm_setr_epi8(0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
        _mm_setr_epi8(1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
        _mm_setr_epi8(2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
    };
    const __m128i second[3] = {
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1),
        _mm_setr_epi8(-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1),
        _mm_setr_epi8(-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1),
    };
    const __m128i third[3] = {
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13),
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14),
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15),
    };
    uint32_t i = 0;

    for (; i + 16 <= count; i += 16, in += 48) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)in);
        const __m128i y = _mm_loadu_si128((const __m128i *)(const void *)(in + 16));
        const __m128i z = _mm_loadu_si128((const __m128i *)(const void *)(in + 32));
        for (int j = 0; j < 3; j++) {
            const __m128i most = _mm_or_si128(_mm_shuffle_epi8(x, first[j]), _mm_shuffle_epi8(y, second[j]));
            const __m128i plane = _mm_or_si128(most, _mm_shuffle_epi8(z, third[j]));
            _mm256_storeu_si256((__m256i *)(void *)(lines[j] + i), _mm256_cvtepu8_epi16(plane));
        }
    }
    return i;
}

JLS_TARGET static uint32_t JLS(many_rgb_out)(uint8_t *out, const uint16_t *const lines[3], uint32_t count)
{
    const __m128i to[3][3] = {
        {_mm_setr_epi8(0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5),
         _mm_setr_epi8(-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1),
         _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1)},
        {_mm_setr_epi8(-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1),
         _mm_setr_epi8(5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10),
         _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1)},
        {_mm_setr_epi8(-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1),
         _mm_setr_epi8(-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1),
         _mm_setr_epi8(10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15)},
    };
    uint32_t i = 0;

    for (; i + 16 <= count; i += 16, out += 48) {
        __m128i planes[3];
        for (int j = 0; j < 3; j++)
            planes[j] = _mm_packus_epi16(_mm_loadu_si128((const __m128i *)(const void *)(lines[j] + i)),
                                         _mm_loadu_si128((const __m128i *)(const void *)(lines[j] + i + 8)));
        for (int part = 0; part < 3; part++)
            _mm_storeu_si128((__m128i *)(void *)(out + 16 * part),
                             _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(planes[0], to[part][0]),
                                                       _mm_shuffle_epi8(planes[1], to[part][1])),
                                          _mm_shuffle_epi8(planes[2], to[part][2])));
    }
    return i;
}

#elif defined(JLS_SSE2)

#define LANES 8
typedef __m128i JLS(vector);
#define V JLS(vector)
#define LANED(name) JLS_INLINE V JLS(name)

LANED(load)(const uint16_t *from) { return _mm_loadu_si128((const __m128i *)(const void *)from); }
LANED(all)(int number) { return _mm_set1_epi16((short)number); }
LANED(plus)(V one, V other) { return _mm_add_epi16(one, other); }
LANED(minus)(V one, V other) { return _mm_sub_epi16(one, other); }
LANED(minus_at_most)(V one, V other) { return _mm_subs_epi16(one, other); }
LANED(times)(V one, V other) { return _mm_mullo_epi16(one, other); }
LANED(smaller)(V one, V other) { return _mm_min_epi16(one, other); }
LANED(larger)(V one, V other) { return _mm_max_epi16(one, other); }
LANED(is_more)(V one, V other) { return _mm_cmpgt_epi16(one, other); }
LANED(both)(V one, V other) { return _mm_and_si128(one, other); }
LANED(turned)(V one, V other) { return _mm_xor_si128(one, other); }

JLS_INLINE void JLS(store)(int16_t *to, V vector)
{
    _mm_storeu_si128((__m128i *)(void *)to, vector);
}

JLS_INLINE unsigned JLS(alike)(V one, V other)
{
    const unsigned differ = 0xFFFFu ^ (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(one, other));
    return differ == 0 ? LANES : (unsigned)__builtin_ctz(differ) / 2;
}

static uint32_t JLS(many_rgb_in)(uint16_t *const lines[3], const uint8_t *in, uint32_t count)
{
    (void)lines, (void)in, (void)count;
    return 0;
}

static uint32_t JLS(many_rgb_out)(uint8_t *out, const uint16_t *const lines[3], uint32_t count)
{
    (void)out, (void)lines, (void)count;
    return 0;
}

#elif defined(JLS_NEON)

#define LANES 8
typedef int16x8_t JLS(vector);
#define V JLS(vector)
#define LANED(name) JLS_INLINE V JLS(name)

LANED(load)(const uint16_t *from) { return vreinterpretq_s16_u16(vld1q_u16(from)); }
LANED(all)(int number) { return vdupq_n_s16((int16_t)number); }
LANED(plus)(V one, V other) { return vaddq_s16(one, other); }
LANED(minus)(V one, V other) { return vsubq_s16(one, other); }
LANED(minus_at_most)(V one, V other) { return vqsubq_s16(one, other); }
LANED(times)(V one, V other) { return vmulq_s16(one, other); }
LANED(smaller)(V one, V other) { return vminq_s16(one, other); }
LANED(larger)(V one, V other) { return vmaxq_s16(one, other); }
LANED(is_more)(V one, V other) { return vreinterpretq_s16_u16(vcgtq_s16(one, other)); }
LANED(both)(V one, V other) { return vandq_s16(one, other); }
LANED(turned)(V one, V other) { return veorq_s16(one, other); }

JLS_INLINE void JLS(store)(int16_t *to, V vector)
{
    vst1q_s16(to, vector);
}

JLS_INLINE unsigned JLS(alike)(V one, V other)
{
    const uint8x8_t same = vmovn_u16(vceqq_s16(one, other));
    const uint64_t differ = ~vget_lane_u64(vreinterpret_u64_u8(same), 0);
    return differ == 0 ? LANES : (unsigned)__builtin_ctzll(differ) / 8;
}

/* Eight RGB pixels of 8 bits at once. */
static uint32_t JLS(many_rgb_in)(uint16_t *const lines[3], const uint8_t *in, uint32_t count)
{
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8, in += 24) {
        const uint8x8x3_t pixels = vld3_u8(in);
        for (int j = 0; j < 3; j++)
            vst1q_u16(lines[j] + i, vmovl_u8(pixels.val[j]));
    }
    return i;
}

static uint32_t JLS(many_rgb_out)(uint8_t *out, const uint16_t *const lines[3], uint32_t count)
{
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8, out += 24) {
        uint8x8x3_t pixels;
        for (int j = 0; j < 3; j++)
            pixels.val[j] = vmovn_u16(vld1q_u16(lines[j] + i));
        vst3_u8(out, pixels);
    }
    return i;
}

#else

#define LANES 1
typedef int16_t JLS(vector);
#define V JLS(vector)
#define LANED(name) JLS_INLINE V JLS(name)

LANED(load)(const uint16_t *from) { return (int16_t)*from; }
LANED(all)(int number) { return (int16_t)number; }
LANED(plus)(V one, V other) { return (int16_t)(one + other); }
LANED(minus)(V one, V other) { return (int16_t)(one - other); }
LANED(minus_at_most)(V one, V other)
{
    const int exact = one - other;
    return (int16_t)(exact > INT16_MAX ? INT16_MAX : exact < INT16_MIN ? INT16_MIN : exact);
}
LANED(times)(V one, V other) { return (int16_t)(one * other); }
LANED(smaller)(V one, V other) { return one < other ? one : other; }
LANED(larger)(V one, V other) { return one > other ? one : other; }
LANED(is_more)(V one, V other) { return (int16_t)-(one > other); }
LANED(both)(V one, V other) { return (int16_t)(one & other); }
LANED(turned)(V one, V other) { return (int16_t)(one ^ other); }

JLS_INLINE void JLS(store)(int16_t *to, V vector)
{
    *to = vector;
}

JLS_INLINE unsigned JLS(alike)(V one, V other)
{
    return one == other;
}

static uint32_t JLS(many_rgb_in)(uint16_t *const lines[3], const uint8_t *in, uint32_t count)
{
    (void)lines, (void)in, (void)count;
    return 0;
}

static uint32_t JLS(many_rgb_out)(uint8_t *out, const uint16_t *const lines[3], uint32_t count)
{
    (void)out, (void)lines, (void)count;
    return 0;
}

#endif

/* How many samples, of at most `most`, are the same as the first one's left neighbour. */
JLS_INLINE JLS_TARGET uint32_t JLS(run_of)(const uint16_t *samples, uint32_t most)
{
    const V left = JLS(all)(samples[-1]);
    uint32_t run = 0;

    while (run < most) {
        const unsigned same = JLS(alike)(JLS(load)(samples + run), left);
        run += same;
        if (same < LANES)
            break;
    }
    return run < most ? run : most;
}

/* Set `count` samples, and up to LANES - 1 behind them, to the first one's left neighbour. */
JLS_INLINE JLS_TARGET void JLS(fill)(uint16_t *samples, uint32_t count)
{
    const V left = JLS(all)(samples[-1]);
    for (uint32_t i = 0; i < count; i += LANES)
        JLS(store)((int16_t *)samples + i, left);
}

/* RGB pixels of 8 bits, side by side, from and to a line of each component. */
JLS_TARGET static void JLS(in_rgb)(uint16_t *const lines[3], const uint8_t *in, uint32_t count)
{
    for (size_t i = JLS(many_rgb_in)(lines, in, count); i < count; i++) {
        lines[0][i] = in[3 * i];
        lines[1][i] = in[3 * i + 1];
        lines[2][i] = in[3 * i + 2];
    }
}

JLS_TARGET static void JLS(out_rgb)(uint8_t *out, const uint16_t *const lines[3], uint32_t count)
{
    for (size_t i = JLS(many_rgb_out)(out, lines, count); i < count; i++) {
        out[3 * i] = (uint8_t)lines[0][i];
        out[3 * i + 1] = (uint8_t)lines[1][i];
        out[3 * i + 2] = (uint8_t)lines[2][i];
    }
}

/* The quantised gradient between two samples, with its sign turned: 4 for the lowest to -4 for the highest. */
LANED(steepness)(V from, V to, V t1, V t2, V t3)
{
    const V zero = JLS(all)(0);
    const V gradient = JLS(minus_at_most)(to, from);
    const V falls = JLS(is_more)(zero, gradient);
    const V size = JLS(larger)(gradient, JLS(minus_at_most)(zero, gradient));
    const V steps = JLS(plus)(JLS(plus)(JLS(is_more)(size, zero), JLS(is_more)(size, t1)),
                              JLS(plus)(JLS(is_more)(size, t2), JLS(is_more)(size, t3)));
    return JLS(minus)(JLS(turned)(steps, falls), falls);
}

/*
 * Look at samples that are to be coded by the exact functions:
 * places:  the octets from the first context to the sample's, 0 to begin a run;
 * misses:  how far the sample is from its prediction before the context's correction, in the context's direction;
 * lows, highs: how much of the correction fits between 0 and maxval: at least this, at most that.
 */
JLS_INLINE JLS_TARGET void JLS(look)(const jls_model *model, const uint16_t *above, const uint16_t *line,
                                     uint32_t count, int16_t *places, int16_t *misses, int16_t *lows, int16_t *highs)
{
    const V zero = JLS(all)(0);
    const V half = JLS(all)(-0x8000);
    const V most = JLS(all)((int16_t)(uint16_t)(model->maxval ^ 0x8000));
    const V reach = JLS(all)(0x80 - 0x8000);
    const V t1 = JLS(all)(model->t1 - 1), t2 = JLS(all)(model->t2 - 1), t3 = JLS(all)(model->t3 - 1);
    const V nine = JLS(all)(9);
    const V size = JLS(all)((int)sizeof(jls_exact_context));

    for (uint32_t i = 0; i < count; i += LANES) {
        const V a = JLS(turned)(JLS(load)(line + i - 1), half);
        const V b = JLS(turned)(JLS(load)(above + i), half);
        const V c = JLS(turned)(JLS(load)(above + i - 1), half);
        const V d = JLS(turned)(JLS(load)(above + i + 1), half);
        const V x = JLS(turned)(JLS(load)(line + i), half);

        const V first = JLS(steepness)(b, d, t1, t2, t3);
        const V second = JLS(steepness)(c, b, t1, t2, t3);
        const V third = JLS(steepness)(a, c, t1, t2, t3);
        const V turned = JLS(plus)(JLS(times)(JLS(plus)(JLS(times)(first, nine), second), nine), third);
        const V sign = JLS(is_more)(turned, zero);
        const V context = JLS(larger)(turned, JLS(minus)(zero, turned));

        const V low = JLS(smaller)(a, b);
        const V high = JLS(larger)(a, b);
        const V between = JLS(larger)(low, JLS(smaller)(high, c));
        const V guess = JLS(minus)(JLS(plus)(low, high), between); /* the top bits: 2 halves less 1, so one stays */
        const V miss = JLS(minus)(x, guess);

        const V down = JLS(turned)(JLS(smaller)(guess, reach), half);
        const V up = JLS(turned)(JLS(smaller)(JLS(turned)(JLS(minus)(most, guess), half), reach), half);
        const V swap = JLS(both)(JLS(turned)(down, up), sign);

        JLS(store)(places + i, JLS(times)(context, size));
        JLS(store)(misses + i, JLS(minus)(JLS(turned)(miss, sign), sign));
        JLS(store)(lows + i, JLS(minus)(zero, JLS(turned)(down, swap)));
        JLS(store)(highs + i, JLS(turned)(up, swap));
    }
}

/* What the line above tells of the contexts: 81 Q(d - b) + 9 Q(b - c); and a copy of that line. */
JLS_INLINE JLS_TARGET void JLS(look_above)(const jls_model *model, const uint16_t *above, uint32_t count,
                                           int16_t *contexts, int16_t *copy)
{
    const V half = JLS(all)(-0x8000);
    const V t1 = JLS(all)(model->t1 - 1), t2 = JLS(all)(model->t2 - 1), t3 = JLS(all)(model->t3 - 1);
    const V first_part = JLS(all)(-81), second_part = JLS(all)(-9);

    for (uint32_t i = 0; i < count; i += LANES) {
        const V b = JLS(turned)(JLS(load)(above + i), half);
        const V c = JLS(turned)(JLS(load)(above + i - 1), half);
        const V d = JLS(turned)(JLS(load)(above + i + 1), half);
        const V first = JLS(steepness)(b, d, t1, t2, t3);
        const V second = JLS(steepness)(c, b, t1, t2, t3);
        JLS(store)(copy + i, JLS(turned)(b, half));
        JLS(store)(contexts + i, JLS(plus)(JLS(times)(first, first_part), JLS(times)(second, second_part)));
    }
}

#undef LANES
#undef V
#undef LANED
