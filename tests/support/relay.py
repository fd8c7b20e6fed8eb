"""A relay within the test's own process, in plain text: boxes are told apart by the address they come from."""

import hashlib
import http.client
import os
from contextlib import contextmanager

from edge.dicom import element, part10
from edge.net import httpd, tus
from edge.spool.spool import Limits, Spool
from tests.spool import data

MB = 1 << 20
ROOMY = Limits(reserve_bytes=0, reserve_files=0)
HEADERS = {"Tus-Resumable": "1.0.0"}


class Relay:
    """A spool in `folder` and what takes uploads for it, while the `with` block lasts.

    options: of httpd.Settings; disk, now: of the Spool.
    """

    def __init__(
        self, folder, object_limit=1 << 33, limits=ROOMY, disk=None, now=None, route=("archive",), port=0, **options
    ):
        more = {} if now is None else {"now": now}
        self.spool = Spool.open(str(folder), limits, disk=disk, **more)
        self.spool.uploads.open()
        service = tus.Service(self.spool.uploads, lambda: lambda facts: list(route), object_limit)
        settings = httpd.Settings("127.0.0.1", port, **options)
        self.server = httpd.Server(settings, lambda: None, _name_of, service.serve)
        self.port = self.server.port

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *exception):
        self.server.stop(5)
        self.spool.close()

    def objects(self):
        """The StoredObjects of the relay."""
        return self.spool.objects()


def _name_of(connected):
    """127.0.0.1 is box 1, and so on."""
    return "box" + connected.getpeername()[0].rpartition(".")[2]


@contextmanager
def connected(relay, box=1):
    """An http.client connection of a box."""
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=20, source_address=(f"127.0.0.{box}", 0))
    try:
        yield connection
    finally:
        connection.close()


def metadata(octets, **more):
    """The Upload-Metadata of an object's file."""
    return tus.metadata({"sha256": hashlib.sha256(octets).hexdigest(), **more})


def ask(connection, method, path, body=None, **fields):
    """One request with tus headers (underscores in names are hyphens); the response, read."""
    headers = {**HEADERS, **{name.replace("_", "-"): str(value) for name, value in fields.items()}}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.words = answer.read().decode()
    return answer


def create(connection, octets, **more):
    """Announce a file; the path of its upload."""
    answer = ask(connection, "POST", "/uploads", Upload_Length=len(octets), Upload_Metadata=metadata(octets, **more))
    if answer.status != 201:
        raise AssertionError(f"{answer.status}: {answer.words}")
    return answer.headers["Location"]


def patch(connection, path, octets, offset=0, **fields):
    """Send octets behind `offset`; the response."""
    return ask(connection, "PATCH", path, octets, Upload_Offset=offset, Content_Type=tus.BODY_TYPE, **fields)


def offset(connection, path):
    """How far an upload has come, None when it is not there."""
    answer = ask(connection, "HEAD", path)
    return int(answer.headers["Upload-Offset"]) if answer.status == 200 else None


def large(uid, megabytes):
    """A data set of so many MB."""
    head = data.data_set(uid, b"")[: -len(element.write(0x7FE00010, "OW", 0))]
    return head + element.write(0x7FE00010, "OW", megabytes * MB) + os.urandom(MB) * megabytes


def save_large(path, uid, megabytes):
    """Write a Part 10 file of so many MB; return its data set."""
    octets = large(uid, megabytes)
    path.write_bytes(part10.head(data.CT, uid, data.EXPLICIT) + octets)
    return octets
