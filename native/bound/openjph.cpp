/*
 * High-throughput JPEG 2000 (T.814) by OpenJPH, from the 0.9 of Debian 12 on. Lines are pushed and pulled one by one,
 * the codestream goes straight into the caller's memory.
 *
 * Only a later OpenJPH can write the TLM segment that 1.2.840.10008.1.2.4.202 asks for, so it is written here with any:
 * between the main header and the tile, when the length of the tile is known. There is one tile, in one tile-part.
 */

#include "codestream.h"

#include <openjph/ojph_arch.h>
#include <openjph/ojph_base.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_message.h>
#include <openjph/ojph_params.h>
#include <openjph/ojph_version.h>

#include <cstdarg>
#include <exception>
#include <new>
#include <vector>

namespace {

/* A refusal on its way up through the library. */
struct refusal : std::exception {
    char text[160];
    edge_bound_result result;
    refusal(edge_bound_result why, const char *words) : result(why) { (void)snprintf(text, sizeof text, "%s", words); }
    const char *what() const noexcept override { return text; }
};

class listener : public ojph::message_error {
public:
    void operator()(int, const char *, int, const char *format, ...) override
    {
        char text[160];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        for (size_t length = strlen(text); length > 0 && strchr("\r\n .", text[length - 1]); length--)
            text[length - 1] = 0;
        throw refusal(EDGE_BOUND_CORRUPT, text);
    }
};

class quiet_warning : public ojph::message_warning {
public:
    void operator()(int, const char *, int, const char *, ...) override {}
};

class quiet_info : public ojph::message_info {
public:
    void operator()(int, const char *, int, const char *, ...) override {}
};

void listen()
{
    static listener errors;
    static quiet_warning warnings;
    static quiet_info infos;
    ojph::configure_error(&errors);
    ojph::configure_warning(&warnings);
    ojph::configure_info(&infos);
}

class sink : public ojph::outfile_base {
public:
    sink(uint8_t *octets, size_t room) : octets_(octets), room_(room), at_(0) {}
    size_t write(const void *from, size_t count) override
    {
        memcpy(claim(count), from, count);
        return count;
    }
    ojph::si64 tell() override { return static_cast<ojph::si64>(at_); }
    uint8_t *claim(size_t count)
    {
        if (count > room_ - at_)
            throw refusal(EDGE_BOUND_NO_ROOM, "the stream is longer than the room for it");
        at_ += count;
        return octets_ + at_ - count;
    }

private:
    uint8_t *octets_;
    size_t room_, at_;
};

const size_t TLM_OCTETS = 12; /* marker, Ltlm, Ztlm, Stlm, then for the one tile-part Ttlm and Ptlm */
const unsigned DEEPEST = 24;  /* bits: the library works in 32, and its transforms need some of them */

void write_tlm(uint8_t *at)
{
    const uint8_t head[8] = {0xFF, 0x55, 0, 10, 0, 0x60, 0, 0}; /* Stlm 0x60: two octets of index, four of length */
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, at + TLM_OCTETS + 6, 4); /* Psot of the SOT segment behind it */
}

/*
 * Five decompositions, fewer where the picture would vanish before; for RPCL until a thumbnail of 64 is left.
 *
 * Before 0.10.4 the library's irreversible transform makes wrong coefficients of a level of two rows; what it decodes
 * is right. So a level of two is not decomposed any further where samples are lost, with any version of it. The
 * reversible transform has no such fault.
 * Source: github.com/aous72/OpenJPH/pull/126
 */
unsigned decompositions(const edge_bound_image *image, const edge_bound_wish *wish)
{
    uint32_t least = image->columns < image->rows ? image->columns : image->rows;
    uint32_t most = image->columns < image->rows ? image->rows : image->columns;
    unsigned count = 0;
    if (wish->lossy) {
        while (count < 5 && ((least - 1) >> count) + 1 > 2)
            count++;
        return count;
    }
    while (count < 5 && least >> (count + 1) != 0)
        count++;
    while (wish->rpcl && ((most - 1) >> count) + 1 > 64)
        count++;
    return count;
}

/* Run a piece of work; whatever is thrown becomes a result in words. */
template <typename Work> edge_bound_result guarded(edge_words words, Work work)
{
    try {
        return work();
    } catch (const refusal &why) {
        return edge_say(words, why.result, "OpenJPH: %s", why.text);
    } catch (const std::bad_alloc &) {
        return edge_say(words, EDGE_BOUND_NO_MEMORY, "OpenJPH ran out of memory");
    } catch (const char *why) { /* how its allocators say the same */
        return edge_say(words, EDGE_BOUND_NO_MEMORY, "OpenJPH ran out of memory: %s", why);
    } catch (const std::exception &why) {
        return edge_say(words, EDGE_BOUND_CORRUPT, "OpenJPH: %s", why.what());
    } catch (...) {
        return edge_say(words, EDGE_BOUND_CORRUPT, "OpenJPH gives no reason");
    }
}

/*
 * Whether a tile may be decomposed further when one sample is left. The library's 0.9 decodes wrong pixels of the empty
 * bands that come of it, without a word. Where tiles begin anywhere, two samples may count as one.
 */
bool has_empty_bands(const edge_codestream &stream)
{
    const unsigned halvings = stream.levels - (stream.is_whole ? 1u : 0u);
    return stream.levels != 0 && (halvings > 31 || stream.least <= UINT32_C(1) << halvings);
}

/* Decode a stream and give take(y, component, samples) every line, a row's components after each other. */
template <typename Take>
void each_line(const uint8_t *octets, size_t length, const edge_bound_image *image, Take take)
{
    ojph::mem_infile from;
    ojph::codestream codec;
    listen();
    from.open(octets, length);
    codec.read_headers(&from);
    codec.set_planar(false);
    codec.create();
    for (uint32_t y = 0; y < image->rows; y++)
        for (unsigned turn = 0; turn < image->components; turn++) {
            ojph::ui32 component = 0;
            const ojph::line_buf *line = codec.pull(component);
            if (line == nullptr || line->i32 == nullptr || line->size < image->columns ||
                component >= image->components)
                throw refusal(EDGE_BOUND_CORRUPT, "a line of the image is missing");
            take(y, component, line->i32);
        }
    codec.close();
}

/* How far samples may be off where they are lost: eight quantisation steps, and never a quarter of their range. */
uint32_t allowed_loss(const edge_bound_image *image, const edge_bound_wish *wish)
{
    const double range = static_cast<double>(UINT64_C(1) << image->bits_stored);
    return static_cast<uint32_t>(range * (8 * wish->step < 0.25f ? 8 * wish->step : 0.25f));
}

/* Decode what was encoded, and return by how much the worst sample is off. */
uint32_t loss(const uint8_t *coded, size_t length, const edge_bound_image *image, const uint8_t *pixels)
{
    const edge_range range = edge_range_of(image, image->bits_stored, image->is_signed);
    const size_t octets = image->bits_allocated / 8u;
    const size_t row = static_cast<size_t>(image->columns) * image->components * octets;
    std::vector<int32_t> given(image->columns);
    uint32_t worst = 0;
    each_line(coded, length, image, [&](uint32_t y, unsigned component, const int32_t *line) {
        (void)edge_fetch(pixels + y * row + component * octets, image->columns, image->components, image,
                         given.data());
        for (size_t x = 0; x < given.size(); x++) {
            const int32_t off = edge_brought(line[x], range) - given[x]; /* of at most 24 bits each */
            const uint32_t far = static_cast<uint32_t>(off < 0 ? -off : off);
            worst = far > worst ? far : worst;
        }
    });
    return worst;
}

} // namespace

const char *edge_bound_version(void)
{
    static char words[48];
    (void)snprintf(words, sizeof words, "OpenJPH %d.%d.%d", OPENJPH_VERSION_MAJOR, OPENJPH_VERSION_MINOR,
                   OPENJPH_VERSION_PATCH);
    return words;
}

edge_bound_result edge_bound_decode(const edge_bound_image *image, const edge_bound_wish *, const uint8_t *coded,
                                    size_t coded_octets, uint8_t *pixels, size_t room, char *text, size_t text_room)
{
    edge_words words = {text, text_room};
    edge_codestream stream;
    edge_bound_result result = edge_image_check(image, room, words);
    if (result == EDGE_BOUND_DONE)
        result = edge_codestream_check(&stream, coded, coded_octets, image, words);
    if (result != EDGE_BOUND_DONE)
        return result;
    if (!stream.high_throughput)
        return edge_say(words, EDGE_BOUND_UNSUPPORTED, "the stream is JPEG 2000, but not high-throughput");
    if (stream.depth > DEEPEST)
        return edge_say(words, EDGE_BOUND_UNSUPPORTED, "the stream has %u bits, and OpenJPH decodes at most %u",
                        stream.depth, DEEPEST);
    if (has_empty_bands(stream))
        return edge_say(words, EDGE_BOUND_ELSEWHERE, "%u decompositions leave bands of %lu samples empty",
                        stream.levels, static_cast<unsigned long>(stream.least));
    return guarded(words, [&] {
        const edge_range range = edge_range_of(image, stream.depth, stream.is_signed);
        const size_t octets = image->bits_allocated / 8u;
        const size_t row = static_cast<size_t>(image->columns) * image->components * octets;
        each_line(stream.octets, stream.length, image, [&](uint32_t y, unsigned component, const int32_t *line) {
            edge_store(line, image->columns, pixels + y * row + component * octets, image->components,
                       image->bits_allocated, range);
        });
        return EDGE_BOUND_DONE;
    });
}

edge_bound_result edge_bound_encode(const edge_bound_image *image, const edge_bound_wish *wish, const uint8_t *pixels,
                                    size_t octets, uint8_t *coded, size_t room, size_t *made, char *text,
                                    size_t text_room)
{
    edge_words words = {text, text_room};
    edge_bound_result result = edge_image_check(image, octets, words);
    if (result != EDGE_BOUND_DONE)
        return result;
    if (image->bits_stored > DEEPEST)
        return edge_say(words, EDGE_BOUND_BAD_IMAGE, "OpenJPH encodes at most %u bits", DEEPEST);
    if (wish->lossy && !(wish->step > 0 && wish->step < 0.5f))
        return edge_say(words, EDGE_BOUND_BAD_IMAGE, "the quantisation step must lie between 0 and 0.5");
    result = guarded(words, [&] {
        const size_t sample = image->bits_allocated / 8u;
        const size_t row = static_cast<size_t>(image->columns) * image->components * sample;
        sink to(coded, room);
        ojph::codestream codec;
        ojph::ui32 component = 0;
        uint8_t *tlm = nullptr;
        listen();
        ojph::param_siz siz = codec.access_siz();
        siz.set_image_extent(ojph::point(image->columns, image->rows));
        siz.set_num_components(image->components);
        for (ojph::ui32 each = 0; each < image->components; each++)
            siz.set_component(each, ojph::point(1, 1), image->bits_stored, image->is_signed != 0);
        ojph::param_cod cod = codec.access_cod();
        cod.set_num_decomposition(decompositions(image, wish));
        cod.set_block_dims(64, 64);
        cod.set_progression_order(wish->rpcl ? "RPCL" : "LRCP");
        cod.set_color_transform(image->components == 3 && wish->colour);
        cod.set_reversible(!wish->lossy);
        if (wish->lossy)
            codec.access_qcd().set_irrev_quant(wish->step);
        codec.set_planar(false);
        codec.write_headers(&to);
        if (wish->rpcl)
            tlm = to.claim(TLM_OCTETS);
        ojph::line_buf *line = codec.exchange(nullptr, component);
        for (uint32_t y = 0; y < image->rows; y++)
            for (unsigned turn = 0; turn < image->components; turn++) {
                if (line == nullptr || line->i32 == nullptr || component >= image->components)
                    throw refusal(EDGE_BOUND_BAD_IMAGE, "it takes no more lines");
                if (edge_fetch(pixels + y * row + component * sample, image->columns, image->components, image,
                               line->i32))
                    return edge_bad_sample(image, words);
                line = codec.exchange(line, component);
            }
        codec.flush();
        *made = static_cast<size_t>(to.tell());
        if (tlm != nullptr)
            write_tlm(tlm);
        codec.close();
        return EDGE_BOUND_DONE;
    });
    if (result != EDGE_BOUND_DONE || !wish->lossy)
        return result;
    return guarded(words, [&] {
        const uint32_t far = loss(coded, *made, image, pixels), most = allowed_loss(image, wish);
        if (far > most)
            return edge_say(words, EDGE_BOUND_BAD_IMAGE,
                            "a sample would come back off by %lu, and at most %lu is allowed; take a lossless syntax",
                            static_cast<unsigned long>(far), static_cast<unsigned long>(most));
        return EDGE_BOUND_DONE;
    });
}

size_t edge_bound_encoded_limit(const edge_bound_image *image)
{
    return 2 * edge_octets(image) + 65536;
}
