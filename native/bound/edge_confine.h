/*
 * How a process gives up for good what a decoder never needs. native/bound/build.py gives this file to cffi.
 */

#ifndef EDGE_CONFINE_H
#define EDGE_CONFINE_H

enum {
    EDGE_CONFINED_PRIVILEGES = 1, /* no program it starts gains anything (no_new_privs) */
    EDGE_CONFINED_DUMPS = 2,      /* it leaves no core file, and its peers cannot read its memory */
    EDGE_CONFINED_CALLS = 4       /* seccomp: only memory, time and the descriptors it has: no file, socket, child */
};

/*
 * Confine this process, as far as the kernel goes along; return what was reached, as a sum of the above. A system call
 * that is not allowed fails with EPERM.
 */
int edge_confine(void);

/*
 * Have malloc keep what it was given for the next frame instead of returning it to the kernel page by page; `octets` is
 * how much it may hold unused.
 */
void edge_keep_memory(int octets);

#endif
