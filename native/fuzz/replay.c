/*
 * Run a fuzz target without libFuzzer: over files, or over variants of them, made here.
 *
 *     replay FILE...            each file once
 *     replay --spoil N FILE...  each file cut at up to 500 places, and N times with a few octets changed
 */

#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = fuzz_memory(size);
    if (size > 0)
        memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void spoil(uint8_t *data, size_t size, unsigned long times)
{
    fuzz_dice dice = {(uint32_t)size};

    for (size_t length = 0; length < size; length += 1 + size / 500)
        run(data, length);
    for (unsigned long i = 0; i < times && size > 0; i++) {
        const unsigned changes = 1 + fuzz_roll(&dice, 3);
        uint8_t was[3];
        size_t where[3];
        for (unsigned k = 0; k < changes; k++) {
            where[k] = fuzz_roll(&dice, (uint32_t)(size < 200 || fuzz_roll(&dice, 2) ? size : 200));
            was[k] = data[where[k]];
            const uint32_t flipped = was[k] ^ 1u << fuzz_roll(&dice, 8);
            data[where[k]] = (uint8_t)(fuzz_roll(&dice, 3) ? fuzz_roll(&dice, 256) : flipped);
        }
        run(data, size);
        for (unsigned k = changes; k-- > 0;)
            data[where[k]] = was[k];
    }
}

int main(int count, char **words)
{
    int first = 1;
    unsigned long times = 0;

    if (count > 2 && strcmp(words[1], "--spoil") == 0) {
        times = strtoul(words[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < count; i++) {
        FILE *file = fopen(words[i], "rb");
        if (file == NULL) {
            perror(words[i]);
            return 1;
        }
        size_t size = 0, room = 1 << 16;
        uint8_t *data = fuzz_memory(room);
        for (size_t got; (got = fread(data + size, 1, room - size, file)) > 0;) {
            size += got;
            if (size == room) {
                data = realloc(data, room *= 2);
                if (data == NULL)
                    return 1;
            }
        }
        fclose(file);
        run(data, size);
        if (first == 3)
            spoil(data, size, times);
        free(data);
    }
    return 0;
}
