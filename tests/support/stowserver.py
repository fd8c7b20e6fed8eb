"""A STOW-RS server of a test's own, that can fail in every way: it reads requests by Python's email package.

with StowServer() as server:
    ... server.url, server.received (UIDs in order), server.requests (Request) ...

`answers` is a list of what to do with the next requests, each an Answer or a function of (server, handler, parts); when
it is empty, everything is stored and said so in JSON.
"""

import email.parser
import email.policy
import http.server
import io
import json
import ssl
import threading
from collections import namedtuple

import pydicom

# method, path: str; headers: {name in small letters: value}; uids: of the instances in it; octets: list of bytes, the
# files, empty where they were not kept; length: of the body
Request = namedtuple("Request", "method path headers uids octets length")
# fields: list of (name, value)
Answer = namedtuple("Answer", "status body type fields", defaults=(b"", "application/dicom+json", ()))

JSON, XML = "application/dicom+json", "application/dicom+xml"


def instance(uid, **numbers):
    """An item of one of the sequences: warning or reason, as the standard's number."""
    item = {"00081155": {"vr": "UI", "Value": [uid]}}
    for name, number in numbers.items():
        item[{"warning": "00081196", "reason": "00081197"}[name]] = {"vr": "US", "Value": [number]}
    return item


def json_body(stored=(), failed=()):
    """The answer's data set in JSON, of items."""
    found = {}
    if stored:
        found["00081199"] = {"vr": "SQ", "Value": list(stored)}
    if failed:
        found["00081198"] = {"vr": "SQ", "Value": list(failed)}
    return json.dumps(found).encode()


def _xml_element(tag, element):
    return f'<DicomAttribute tag="{tag}" vr="UI"><Value number="1">{element["Value"][0]}</Value></DicomAttribute>'


def xml_body(stored=(), failed=()):
    """The same in XML."""
    sequences = []
    for tag, items in (("00081199", stored), ("00081198", failed)):
        rows = "".join(
            f'<Item number="{number}">'
            + "".join(_xml_element(inner, element) for inner, element in item.items())
            + "</Item>"
            for number, item in enumerate(items, 1)
        )
        if items:
            sequences.append(f'<DicomAttribute tag="{tag}" vr="SQ">{rows}</DicomAttribute>')
    head = '<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xml:space="preserve">'
    return (head + "".join(sequences) + "</NativeDicomModel>").encode()


class StowServer:
    """While the `with` block lasts. tls: an ssl.SSLContext; keep: whether files are kept, or only counted."""

    def __init__(self, answers=(), tls=None, keep=True, port=0):
        self.answers = list(answers)
        self.keep = keep
        self.received = []
        self.requests = []
        self.probes = []  # headers of the OPTIONS
        self.connections = 0
        self.lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = "%s://localhost:%d/dicom-web" % ("http" if tls is None else "https", self.port)
        self._server.handle_error = lambda *_: None

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()

    @property
    def files(self):
        """The data sets that were received, as pydicom reads them."""
        return [pydicom.dcmread(io.BytesIO(each)) for request in self.requests for each in request.octets]


def _handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            with server.lock:
                server.connections += 1

        def log_message(self, *_):
            """Nobody reads it."""

        def do_OPTIONS(self):
            """Answer whoever only asks whether anybody is there."""
            with server.lock:
                server.probes.append({name.lower(): value for name, value in self.headers.items()})
            self.answer(Answer(200))

        def do_POST(self):
            self._respond()

        def _respond(self):
            with server.lock:
                action = server.answers.pop(0) if server.answers else None
            if callable(action):
                action(server, self)
                return
            parts, length = self.take()
            headers = {name.lower(): value for name, value in self.headers.items()}
            uids = [str(pydicom.dcmread(io.BytesIO(part), stop_before_pixels=True).SOPInstanceUID) for part in parts]
            with server.lock:
                request = Request(self.command, self.path, headers, uids, parts if server.keep else [], length)
                server.requests.append(request)
                if action is None:
                    server.received += uids
            self.answer(action or Answer(200, json_body([instance(uid) for uid in uids])))

        def take(self):
            """Return the parts of the body, and its length."""
            body = bytearray()
            length = 0
            for piece in self.pieces():
                length += len(piece)
                if server.keep:
                    body += piece
            if not body:
                return [], length
            head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
            message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + bytes(body))
            assert not message.defects, message.defects
            assert message.get_content_type() == "multipart/related"
            boundary = message.get_boundary().encode()
            found = bytes(body).split(b"--" + boundary)
            assert found[0] == b"" and found[-1] == b"--\r\n"
            parts = []
            for part in found[1:-1]:
                fields, blank, octets = part.partition(b"\r\n\r\n")
                assert blank and fields.strip() == b"Content-Type: application/dicom" and octets.endswith(b"\r\n")
                parts.append(octets[:-2])
            return parts, length

        def pieces(self):
            """Yield the body as it comes."""
            if self.headers.get("Transfer-Encoding") == "chunked":
                while True:
                    size = int(self.rfile.readline(), 16)
                    left = size
                    while left:
                        piece = self.rfile.read(min(left, 1 << 16))
                        left -= len(piece)
                        yield piece
                    assert self.rfile.readline() == b"\r\n"
                    if not size:
                        return
            left = int(self.headers.get("Content-Length", 0))
            while left:
                piece = self.rfile.read(min(left, 1 << 16))
                if not piece:
                    raise ConnectionError("the body ended early")
                left -= len(piece)
                yield piece

        def answer(self, found):
            """Send an Answer."""
            self.send_response(found.status)
            self.send_header("Content-Type", found.type)
            self.send_header("Content-Length", str(len(found.body)))
            for name, value in found.fields:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.body)

    return Handler


def server_context(issued, authority=None):
    """An ssl.SSLContext for the server; with `authority`, the path of its certificate, clients have to show one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    if authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
    return context
