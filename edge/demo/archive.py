"""A simulated archive: takes every object sent to it, and writes each as a Part 10 file.

    python -m edge.demo.archive FOLDER AE_TITLE [TRANSFER_SYNTAX...]

It prints the port it listens on, and serves until its standard input ends. With transfer syntaxes named it takes these
alone, as an old workstation does.
"""

import os
import signal
import sys
import threading

from edge.dicom import part10
from edge.net import listener, manners
from edge.protocol import association, contexts

_SUFFIX = ".part"


class _Arrival:
    """An object on its way into the folder; it gets its name when it is whole."""

    def __init__(self, path, head):
        self._path = path
        self._file = open(path + _SUFFIX, "wb")
        self._file.write(head)

    def write_all(self, views):
        self._file.writelines(views)

    def commit(self, route):
        self._file.close()
        os.rename(self._path + _SUFFIX, self._path)

    def abandon(self):
        if not self._file.closed:
            self._file.close()
            os.unlink(self._path + _SUFFIX)


class Archive:
    """A Storage SCP that keeps what it gets in `folder`, each object as <SOP Instance UID>.dcm."""

    def __init__(self, folder, ae_title, transfer_syntaxes=()):
        self._folder = folder
        self._ae_title = ae_title
        preference = transfer_syntaxes or contexts.PREFERENCE
        policy = contexts.Policy(lambda sop_class: True, preference, not transfer_syntaxes)
        settings = manners.Settings(
            address="127.0.0.1",
            port=0,
            called=(ae_title,),
            admits=lambda calling, address: True,
            knows=lambda address: True,
            policy=policy,
            max_associations=16,
            per_address=64,
            object_limit=1 << 40,
            limits=association.DEFAULT_LIMITS,
            drain_ms=1000,
        )
        self._listener = listener.Listener(settings, self, lambda: True, lambda peer: peer.calling, lambda: None)
        self.port = self._listener.port

    def begin(self, sop_class, sop_instance, transfer_syntax, source):
        """Return where an object goes that a sender announces: what `spool.intake` is to the box."""
        head = part10.head(sop_class, sop_instance, transfer_syntax, self._ae_title, source)
        return _Arrival(os.path.join(self._folder, sop_instance + ".dcm"), head)

    def keep_up(self):
        """There is nothing to keep up with."""

    def run(self):
        """Serve until `stop` is called from another thread."""
        self._listener.run()
        self._listener.close()

    def stop(self):
        """Make `run` return."""
        self._listener.stop()


def main(arguments):
    """Serve until standard input ends: when the parent goes, however it goes, so does this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    archive = Archive(arguments[0], arguments[1], tuple(arguments[2:]))
    serving = threading.Thread(target=archive.run, name="archive")
    serving.start()
    print(archive.port, flush=True)
    sys.stdin.buffer.read()
    archive.stop()
    serving.join()


if __name__ == "__main__":
    main(sys.argv[1:])
