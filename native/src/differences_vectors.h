/*
 * The loops of differences.c over vectors of any width, in the compilers' own vectors: they become SSE2, AVX2 or NEON.
 * Included once for each width, with VECTOR_OCTETS, WAY(name) and MARK defined. Each returns how many samples it did,
 * a multiple of what a vector holds; scalar loops do the rest.
 */

typedef uint16_t WAY(vector) __attribute__((vector_size(VECTOR_OCTETS)));
typedef int16_t WAY(signed_vector) __attribute__((vector_size(VECTOR_OCTETS)));
typedef uint8_t WAY(octets) __attribute__((vector_size(VECTOR_OCTETS / 2)));

#define LANES (VECTOR_OCTETS / 2u)

MARK static size_t WAY(samples_take)(const sample_form *form, const uint8_t *samples, size_t count, uint16_t *taken)
{
    const WAY(vector) zero = {0};
    const WAY(vector) keep = zero + form->keep, sign = zero + form->sign, mask = zero + form->mask;
    const unsigned shift = form->shift;
    size_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        WAY(vector) v;
        if (form->octets == 1) {
            WAY(octets) narrow;
            memcpy(&narrow, samples + i, sizeof narrow);
            v = __builtin_convertvector(narrow, WAY(vector));
        } else {
            memcpy(&v, samples + 2 * i, sizeof v);
        }
        v = ((((v & keep) ^ sign) - sign) & mask) >> shift;
        memcpy(taken + i, &v, sizeof v);
    }
    return i;
}

MARK static size_t WAY(samples_excess)(const uint8_t *samples, size_t octets, size_t count, uint16_t half,
                                       uint16_t above, uint16_t *excess)
{
    const WAY(vector) zero = {0}, halves = zero + half;
    WAY(vector) any = zero;
    size_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        WAY(vector) v;
        if (octets == 1) {
            WAY(octets) narrow;
            memcpy(&narrow, samples + i, sizeof narrow);
            v = __builtin_convertvector(narrow, WAY(vector));
        } else {
            memcpy(&v, samples + 2 * i, sizeof v);
        }
        any |= v + halves;
    }
    for (unsigned lane = 0; lane < LANES; lane++)
        *excess = (uint16_t)(*excess | (any[lane] & above));
    return i;
}

#define DIFFERENCES(prediction)                                                                               \
    for (; i + LANES <= count; i += LANES) {                                                                  \
        WAY(vector) x, a, b, c;                                                                               \
        memcpy(&x, row + 2 * i, sizeof x);                                                                    \
        memcpy(&a, row + 2 * i - step, sizeof a);                                                             \
        memcpy(&b, above + 2 * i, sizeof b);                                                                  \
        memcpy(&c, above + 2 * i - step, sizeof c);                                                           \
        x -= prediction;                                                                                      \
        memcpy(differences + i, &x, sizeof x);                                                                \
    }                                                                                                         \
    return i

MARK static size_t WAY(differences)(unsigned predictor, const uint8_t *row, const uint8_t *above, size_t step,
                                    size_t count, uint16_t *differences)
{
    const WAY(vector) one = {0};
    size_t i = 0;

    switch (predictor) {
    case 1: /* the row above need not be there */
        for (; i + LANES <= count; i += LANES) {
            WAY(vector) x, a;
            memcpy(&x, row + 2 * i, sizeof x);
            memcpy(&a, row + 2 * i - step, sizeof a);
            x -= a;
            memcpy(differences + i, &x, sizeof x);
        }
        return i;
    case 2:
        DIFFERENCES(b);
    case 3:
        DIFFERENCES(c);
    case 4:
        DIFFERENCES(a + b - c);
    case 5:
        DIFFERENCES(a + HALF_DIFFERENCE(b, c, one + 1));
    case 6:
        DIFFERENCES(b + HALF_DIFFERENCE(a, c, one + 1));
    default:
        DIFFERENCES(HALF_SUM(a, b));
    }
}

#undef DIFFERENCES

/* How many of the vectors at `sizes`, every `stride` vectors, are above each of eight thresholds. */
MARK static void WAY(count_eight)(const uint16_t *sizes, size_t count, size_t stride, unsigned first,
                                  uint16_t (*lanes)[16])
{
    WAY(signed_vector) sums[8], thresholds[8];
    const WAY(signed_vector) zero = {0};

    for (unsigned k = 0; k < 8; k++) {
        sums[k] = zero;
        thresholds[k] = zero + (int16_t)((1u << (first + k)) - 1u);
    }
    for (size_t i = 0; i < count; i += stride * LANES) {
        WAY(signed_vector) size;
        memcpy(&size, sizes + i, sizeof size);
        COUNT_ONE(0);
        COUNT_ONE(1);
        COUNT_ONE(2);
        COUNT_ONE(3);
        COUNT_ONE(4);
        COUNT_ONE(5);
        COUNT_ONE(6);
        COUNT_ONE(7);
    }
    for (unsigned k = 0; k < 8; k++) {
        WAY(vector) all;
        memcpy(&all, lanes[first + k], sizeof all);
        all -= (WAY(vector))sums[k];
        memcpy(lanes[first + k], &all, sizeof all);
    }
}

/* Sizes instead of differences; returns their or, whose bit 15 says that there is one of -32768. */
MARK static uint16_t WAY(sizes)(uint16_t *differences, size_t count)
{
    WAY(vector) any = {0};
    uint16_t all = 0;

    for (size_t i = 0; i < count; i += LANES) {
        WAY(vector) d;
        memcpy(&d, differences + i, sizeof d);
        const WAY(vector) negative = (WAY(vector))((WAY(signed_vector))d < 0);
        d = (d ^ negative) - negative;
        any |= d;
        memcpy(differences + i, &d, sizeof d);
    }
    for (unsigned lane = 0; lane < LANES; lane++)
        all = (uint16_t)(all | any[lane]);
    return all;
}

/* Differences counted: a multiple of LANES * components; 0 where one is -32768, which has no size of 15 bits. */
MARK static size_t WAY(categories_count)(uint16_t *differences, size_t count, size_t components,
                                         category_counts *counts)
{
    const size_t whole = count / (LANES * components) * (LANES * components);
    const uint16_t any = WAY(sizes)(differences, whole);

    if (any & 0x8000u || whole == 0)
        return 0;
    /* Lane n of a vector is component n % components of the first of them, and so on in turn for the others. */
    for (size_t phase = 0; phase < components; phase++) {
        uint16_t(*lanes)[16] = counts->lanes[phase];
        WAY(count_eight)(differences + phase * LANES, whole - phase * LANES, components, 0, lanes);
        if (any > 0xFF)
            WAY(count_eight)(differences + phase * LANES, whole - phase * LANES, components, 8, lanes);
    }
    counts->vectors = (uint16_t)(counts->vectors + whole / (LANES * components));
    return whole;
}

#undef LANES
