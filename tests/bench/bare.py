"""The fixed bare loop that durable receive is held against: what any store has to do, and nothing else."""

import os
import sqlite3
import time


def durable_loop(folder, octets, count):
    """Store `octets` `count` times so that a power cut loses none of them; return objects per second.

    Write, fsync, rename, fsync the folder, one SQLite commit in WAL mode with synchronous=FULL.
    """
    os.makedirs(folder)
    index = sqlite3.connect(f"{folder}/index.db", isolation_level=None)
    index.execute("PRAGMA journal_mode=WAL")
    index.execute("PRAGMA synchronous=FULL")
    index.execute("CREATE TABLE objects (uid TEXT PRIMARY KEY, path TEXT, size INTEGER)")
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    begun = time.perf_counter()
    for number in range(count):
        partial, final = f"{folder}/{number}.part", f"{folder}/{number}.dcm"
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, octets)
        os.fsync(fd)
        os.close(fd)
        os.rename(partial, final)
        os.fsync(folder_fd)
        index.execute("INSERT INTO objects VALUES (?, ?, ?)", (f"2.25.{number:039d}", final, len(octets)))
    seconds = time.perf_counter() - begun
    os.close(folder_fd)
    index.close()
    return count / seconds
