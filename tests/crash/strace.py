"""strace as a wrapper of what is run: system calls that fail, fall short, or are the last thing the process does."""


def injecting(call, what, when):
    """The command under which each thread's calls number `when` come to `what`, both as strace has it.

    "error=EIO", "retval=7", "error=EIO:signal=KILL" (dead before the call is done); "3" is the third call, "3+" all
    from then on, "3+2" every second one.
    """
    injection = f"inject={call}:{what}:when={when}"
    return ["strace", "-f", "-I2", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", injection]
