/* The state of a JPEG-LS decoder, and what its headers do to it. */

#ifndef EDGE_JPEG_LS_HEADERS_H
#define EDGE_JPEG_LS_HEADERS_H

#include "jpeg_ls_model.h"
#include "state.h"

enum {
    KIND = 0x4A4C5344,
    TAPE = 4096,
    BEHIND = 64,        /* octets behind the tape that may be read */
    LONGEST = 48 * 8,   /* bits: a run over a whole line and what ends it in four components take less */
    SEGMENT = 64        /* octets of the longest marker segment that is looked at */
};

enum stage {
    STAGE_START,
    STAGE_MARKER,
    STAGE_LENGTH,
    STAGE_SEGMENT,
    STAGE_SKIP,
    STAGE_LINE,
    STAGE_GIVING,
    STAGE_STRIPE_END,
};

enum { SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DNL = 0xDC, DRI = 0xDD, SOF_LS = 0xF7, LSE = 0xF8 };

typedef struct jls_decoder {
    state_head head;
    edge_image bounds;
    edge_image image; /* of the stream, once `has_frame`; its layout, once `has_scan` */
    const jls_way *way;
    jls_model model;
    enum stage stage;
    uint8_t takes_sampling, has_frame, has_scan, is_sampled, inside_scan;
    uint8_t is_fresh; /* no line of the scan yet */
    uint8_t precision, octets; /* of a sample that is given */
    uint8_t interleave;
    uint8_t ids[JLS_COMPONENTS], h[JLS_COMPONENTS], v[JLS_COMPONENTS], h_most, v_most;
    uint8_t turn[JLS_COMPONENTS];
    uint8_t marker, marker_part; /* marker_part: 0xFF has been read */
    uint8_t next_restart;
    int first, last, component, line_of_component;
    jls_presets presets;
    uint32_t restart_rows, restart_left, rows_left;
    uint32_t at;         /* samples decoded of the line */
    uint32_t given;      /* octets given of the line(s) */
    uint32_t damage;
    uint32_t wanted, got; /* octets of the segment */
    uint8_t segment[SEGMENT];
    size_t stride;
    /* Octets to tape */
    uint64_t waiting;
    uint32_t waiting_count; /* bits: less than 8 */
    uint8_t ff_waits, found_marker, has_end;
    uint32_t taped;      /* octets */
    uint64_t tape_at, tape_end; /* bits; the end once has_end */
    uint8_t tape[TAPE + BEHIND];
    uint16_t lines[]; /* [turn][component][stride] */
} jls_decoder;

static inline size_t jls_stride_of(uint32_t columns)
{
    return ((size_t)columns + 2 * JLS_PAD + 15) / 16 * 16;
}

/* One octet of a header; EDGE_NEEDS_INPUT where it goes on. */
edge_result jls_read_header_octet(jls_decoder *d, uint8_t octet);
/* What comes with the marker in d->marker: a segment (EDGE_NEEDS_INPUT), the end (EDGE_DONE), or an error. */
edge_result jls_read_marker(jls_decoder *d);
/* Take up the coding parameters; they may change until the first octet of a scan. */
edge_result jls_begin_scan(jls_decoder *d);
/* Begin a scan's samples, or those behind a restart marker. */
void jls_begin_stripe(jls_decoder *d);
void jls_begin_tape(jls_decoder *d);

#endif
