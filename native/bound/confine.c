/*
 * A process without rights: prctl, and a seccomp filter in classic BPF over the number of the system call. The list is
 * what CPython, malloc and the bound libraries use once everything is loaded; all else is answered with EPERM.
 */

#include "edge_confine.h"

#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define EDGE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define EDGE_ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define EDGE_ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__i386__)
#define EDGE_ARCHITECTURE AUDIT_ARCH_I386
#endif

#ifdef EDGE_ARCHITECTURE

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define ANSWER(with) BPF_STMT(BPF_RET | BPF_K, (with))
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)SYS_##name, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
/* Argument `which` must have none of `bits` set: memory must not become code. */
#define ALLOW_WITHOUT(name, which, bits) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)SYS_##name, 0, 4), LOAD(args[which]), \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), ANSWER(SECCOMP_RET_ALLOW), \
        ANSWER(SECCOMP_RET_ERRNO | EPERM)
/* Argument `which` must be `value`. */
#define ALLOW_WITH(name, which, value) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)SYS_##name, 0, 4), LOAD(args[which]), \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), ANSWER(SECCOMP_RET_ALLOW), \
        ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define EXECUTABLE 4u /* PROT_EXEC */

static int filter_calls(void)
{
    static struct sock_filter steps[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, EDGE_ARCHITECTURE, 1, 0),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW(read),
        ALLOW(write),
        ALLOW(recvmsg),
        ALLOW(sendmsg),
        ALLOW(recvfrom),
        ALLOW(sendto),
        ALLOW(futex),
        ALLOW(close),
        ALLOW(exit),
        ALLOW(exit_group),
        ALLOW(brk),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(rt_sigreturn),
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigaction),
        ALLOW(clock_gettime),
        ALLOW(getrusage),
        ALLOW(getrandom),
        ALLOW(getpid),
        ALLOW(gettid),
        ALLOW(sched_yield),
        ALLOW(restart_syscall),
        ALLOW(fstat),
        ALLOW(lseek),
        ALLOW(dup),
#ifdef SYS_mmap
        ALLOW_WITHOUT(mmap, 2, EXECUTABLE),
#endif
#ifdef SYS_mmap2
        ALLOW_WITHOUT(mmap2, 2, EXECUTABLE),
#endif
#ifdef SYS_newfstatat
        ALLOW(newfstatat),
#endif
#ifdef SYS_fstat64
        ALLOW(fstat64),
#endif
#ifdef SYS__llseek
        ALLOW(_llseek),
#endif
#ifdef SYS_clock_gettime64
        ALLOW(clock_gettime64),
#endif
#ifdef SYS_futex_time64
        ALLOW(futex_time64),
#endif
#ifdef SYS_sigreturn
        ALLOW(sigreturn),
#endif
        ALLOW_WITHOUT(mprotect, 2, EXECUTABLE),
        ALLOW_WITH(prlimit64, 0, 0), /* its own limits; the hard ones cannot rise */
        ALLOW_WITH(fcntl, 1, 1030),  /* F_DUPFD_CLOEXEC: how mmap objects hold their file */
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {(unsigned short)(sizeof steps / sizeof steps[0]), steps};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

#else

static int filter_calls(void)
{
    return 0;
}

#endif

int edge_confine(void)
{
    int reached = 0;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
        reached |= EDGE_CONFINED_DUMPS;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        reached |= EDGE_CONFINED_PRIVILEGES;
        if (filter_calls())
            reached |= EDGE_CONFINED_CALLS;
    }
    return reached;
}

void edge_keep_memory(int octets)
{
#ifdef M_MMAP_THRESHOLD
    (void)mallopt(M_MMAP_THRESHOLD, octets < 33554432 ? octets : 33554432);
    (void)mallopt(M_TRIM_THRESHOLD, octets);
#else
    (void)octets;
#endif
}
