/*
 * Stepping over the elements at the beginning of a data set: what every received object passes through before it may
 * be acknowledged. Only the plain case is here, explicit VR little endian with lengths that are given. Whatever else
 * comes is left for edge/dicom/skim.py, which knows what to make of it; this file merely gets there sooner.
 */

#include "edge_codec.h"

#define SHORT_HEAD 8u
#define LONG_HEAD 12u
#define ITEM_GROUP 0xFFFEu
#define UNDEFINED 0xFFFFFFFFu
#define LONGEST_WANTED 65535u

#define VR(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)

static uint32_t get_u16(const uint8_t *octets)
{
    return (uint32_t)octets[0] | (uint32_t)octets[1] << 8;
}

static uint32_t get_u32(const uint8_t *octets)
{
    return get_u16(octets) | get_u16(octets + 2) << 16;
}

/* The octets of the head of an element with this VR (PS3.5 7.1.2); 0 for a VR that PS3.5 6.2 does not have. */
static uint32_t head_of(uint32_t vr)
{
    switch (vr) {
    case VR('A', 'E'): case VR('A', 'S'): case VR('A', 'T'): case VR('C', 'S'): case VR('D', 'A'): case VR('D', 'S'):
    case VR('D', 'T'): case VR('F', 'D'): case VR('F', 'L'): case VR('I', 'S'): case VR('L', 'O'): case VR('L', 'T'):
    case VR('P', 'N'): case VR('S', 'H'): case VR('S', 'L'): case VR('S', 'S'): case VR('S', 'T'): case VR('T', 'M'):
    case VR('U', 'I'): case VR('U', 'L'): case VR('U', 'S'):
        return SHORT_HEAD;
    case VR('O', 'B'): case VR('O', 'D'): case VR('O', 'F'): case VR('O', 'L'): case VR('O', 'V'): case VR('O', 'W'):
    case VR('S', 'Q'): case VR('S', 'V'): case VR('U', 'C'): case VR('U', 'N'): case VR('U', 'R'): case VR('U', 'T'):
    case VR('U', 'V'):
        return LONG_HEAD;
    default:
        return 0;
    }
}

static int is_among(uint32_t tag, const uint32_t *tags, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        if (tags[n] == tag) {
            return 1;
        }
    }
    return 0;
}

size_t edge_step(const uint8_t *octets, size_t length, uint32_t stop_after, const uint32_t *wanted,
                 size_t wanted_count, edge_found *found, size_t found_room, size_t *found_count)
{
    size_t at = 0;
    size_t count = 0;
    while (length - at >= SHORT_HEAD) {
        const uint32_t group = get_u16(octets + at);
        const uint32_t tag = group << 16 | get_u16(octets + at + 2);
        const uint32_t head = head_of(get_u16(octets + at + 4));
        if (group == ITEM_GROUP || tag >= stop_after || head == 0 || length - at < head) {
            break;
        }
        const uint32_t size = head == LONG_HEAD ? get_u32(octets + at + 8) : get_u16(octets + at + 6);
        if (size == UNDEFINED || length - at - head < size) {
            break;
        }
        if (is_among(tag, wanted, wanted_count)) {
            if (count == found_room || size > LONGEST_WANTED) {
                break;
            }
            found[count].tag = tag;
            found[count].length = size;
            found[count].offset = at + head;
            count++;
        }
        at += head + size;
    }
    *found_count = count;
    return at;
}
