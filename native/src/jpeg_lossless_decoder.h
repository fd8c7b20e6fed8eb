/* The state of a decoder of lossless JPEG, and what its headers do to it. */

#ifndef EDGE_JPEG_LOSSLESS_DECODER_H
#define EDGE_JPEG_LOSSLESS_DECODER_H

#include "bits.h"
#include "lossless_codes.h"
#include "reconstruct.h"
#include "state.h"

enum {
    DECODER = 0x644A5645, /* what the state begins with */
    STAGE = 4096,
    DIFFERENCES = 1536, /* read at a time, more or less */
    WAITING = 2048,     /* octets of samples that wait for room */
};

enum {
    SOF0 = 0xC0,
    SOF3 = 0xC3,
    DHT = 0xC4,
    JPG = 0xC8,
    DAC = 0xCC,
    SOF15 = 0xCF,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DNL = 0xDC,
    DRI = 0xDD,
    DHP = 0xDE,
    EXP = 0xDF,
    TEM = 0x01,
};

/* What the input is taken for. */
enum {
    AT_START,
    AT_MARKER,
    AT_LENGTH,
    IN_SEGMENT,
    IN_SKIPPED,
    IN_SCAN,
    AT_RESTART,
    HANDING_OUT,
    AT_SCAN_END,
    FINISHED,
};

typedef struct component {
    uint8_t id, sampling, is_done;
} component;

typedef struct lossless_decoder {
    state_head head;
    edge_image wanted;
    uint8_t holds_frame;
    uint8_t phase;
    uint8_t has_frame;  /* SOF3 was there */
    uint8_t has_image;  /* and SOS: the layout is known */
    uint8_t precision;
    uint8_t components;
    uint8_t predictor;  /* of this scan, as all that follows */
    uint8_t shift;
    uint8_t in_scan;
    uint8_t scan_of[4]; /* which components */
    uint8_t is_planar;
    uint8_t octets;     /* of a sample that is handed out */
    uint8_t marker;     /* that ended the stage; 0: none yet */
    uint8_t saw_ff;
    uint8_t next_restart;
    component of[4];
    uint32_t columns, rows;
    uint32_t restart_interval; /* pixels; 0: none */
    uint32_t row, rows_to_restart;
    uint8_t is_first_row; /* of its interval */
    uint64_t to_read;   /* differences of this interval that are not read yet */
    size_t done;        /* samples of this row */
    size_t wanted_octets, header_at; /* of a marker segment, and how much there is */
    size_t held_at;     /* handed out of what is held */
    size_t stage_octets;
    size_t from, have;  /* differences: those in between are to be used */
    size_t pending_at, pending;
    bit_source source;  /* pointers into the stage only while a call runs */
    size_t source_at;
    uint16_t first[4];  /* of the row above, its first pixel */
    row_context context;
    sample_output output;
    code_table tables[4];
    code_reader reader;
    uint16_t differences[DIFFERENCES + CODES_AHEAD];
    uint8_t waiting[WAITING + 16];
    uint8_t stage[STAGE + 16];
    uint64_t memory[]; /* entries of codes; the row above; the frame */
} lossless_decoder;

/* What comes with a marker: a segment, or the end. */
edge_result edge_lossless_begin_marker(lossless_decoder *d, unsigned marker);
/* The stage holds a segment's length. */
edge_result edge_lossless_begin_segment(lossless_decoder *d);
/* The stage holds a segment. */
edge_result edge_lossless_read_segment(lossless_decoder *d);
/* Begin a scan's coded data, or those behind a restart marker. */
void edge_lossless_begin_interval(lossless_decoder *d);

#endif
