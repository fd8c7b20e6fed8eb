"""A service that takes requests with JSON, made of http.server: keeps them, and answers as it is told."""

import http.server
import json
import ssl
import threading


class HookServer:
    """On loopback while the `with` block lasts. `requests`: (path, headers, octets, what JSON says) of each.

    issued: certificates.Issued, for https; status: what each is answered with.
    """

    def __init__(self, issued=None, status=204, body=b""):
        self.requests = []
        self.status = status
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                octets = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, self.headers, octets, json.loads(octets)))
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if issued is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(issued.certificate, issued.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def alerts(self):
        """What was told, as pairs of a key and what of it."""
        return [(each["key"], each["what"]) for *_, said in self.requests for each in said["alerts"]]
