"""DCMTK's dcmqrscp, an archive that answers C-FIND, C-GET and C-MOVE, while a `with` block lasts."""

import subprocess
from pathlib import Path

from tests.support import process

DCMQRSCP, DCMQRIDX = "/usr/bin/dcmqrscp", "/usr/bin/dcmqridx"
_CONFIG = """\
NetworkTCPPort = %d
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
%s
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCHIVE %s RW (200, 1024mb) ANY
AETable END
"""


class Dcmqrscp:
    """The archive ARCHIVE in `folder`, with the Part 10 files `paths`; known: {AE title: port} it may move to."""

    def __init__(self, folder, paths, known=(), options=()):
        self.folder = Path(folder)
        self.port = process.free_port()
        self._paths = paths
        self._known = dict(known)
        self._options = options
        self._process = None

    def __enter__(self):
        store = self.folder / "store"
        store.mkdir(parents=True)
        copies = []
        for number, path in enumerate(self._paths):
            copies.append(store / f"{number}.dcm")
            copies[-1].write_bytes(Path(path).read_bytes())
        subprocess.run([DCMQRIDX, store, *copies], check=True, capture_output=True)
        hosts = "\n".join(f"h{port} = ({title}, localhost, {port})" for title, port in self._known.items())
        settings = self.folder / "dcmqrscp.cfg"
        settings.write_text(_CONFIG % (self.port, hosts, store), encoding="ascii")
        with open(self.folder / "log.txt", "ab") as log:
            command = [DCMQRSCP, *self._options, "-c", settings, str(self.port)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        try:
            process.wait_until(lambda: process.is_listening(self.port), 10, "dcmqrscp to listen")
        except BaseException:
            process.end(self._process)
            raise
        return self

    def __exit__(self, *exception):
        process.end(self._process)
