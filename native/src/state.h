/* What every state begins with, and the check that it is one. */

#ifndef EDGE_STATE_H
#define EDGE_STATE_H

#include "edge_codec.h"

/* The first octets of every state: `kind` tells a state of this codec and direction from any other memory. */
typedef struct state_head {
    uint32_t kind;
    edge_result outcome; /* an error or EDGE_DONE once there is one; otherwise EDGE_NEEDS_INPUT */
} state_head;

/* Whether `size` octets at `state` can hold what needs `needed` (0: nothing can). */
static inline int state_fits(const void *state, size_t size, size_t needed)
{
    return state != NULL && ((uintptr_t)state & 7u) == 0 && needed > 0 && size >= needed;
}

static inline int state_is(const void *state, uint32_t kind)
{
    return state != NULL && ((uintptr_t)state & 7u) == 0 && ((const state_head *)state)->kind == kind;
}

/* Keep an error or the end; a step that only waits changes nothing. */
static inline edge_result state_keeps(state_head *head, edge_result result)
{
    if (result <= EDGE_DONE)
        head->outcome = result;
    return result;
}

#endif
