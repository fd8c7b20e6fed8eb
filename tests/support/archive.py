"""An archive made of pynetdicom: it keeps every data set as the octets that came, and answers as a test tells it to."""

import socket
import threading
from collections import namedtuple

from pynetdicom import AE, evt
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import register_uid, uid_to_service_class

from tests.support import process

UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"

# What came: UIDs as the command had them, the context's transfer syntax, the data set's octets
Received = namedtuple("Received", "sop_class sop_instance transfer_syntax data_set calling")


def _make_known(sop_class):
    """Let pynetdicom serve a storage SOP Class that is retired, private or newer than it: it would abort."""
    if uid_to_service_class(sop_class) is not StorageServiceClass:
        register_uid(sop_class, "Class" + sop_class.replace(".", "x"), StorageServiceClass)


def _notice_silence(event):
    """Let a connection end whose other end went without a word: pynetdicom's thread would wait for ever."""
    connected = event.assoc.dul.socket.socket
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3)):
        connected.setsockopt(socket.IPPROTO_TCP, option, value)


class Archive:
    """A pynetdicom Storage and Verification SCP while the `with` block lasts.

    classes, syntaxes: what it accepts; answer: function of a Received, the status code; max_pdu_bytes: 0 for no limit;
    address: where it listens.
    """

    def __init__(
        self,
        classes=(CT,),
        syntaxes=UNCOMPRESSED,
        answer=None,
        max_pdu_bytes=0,
        ae_title="ARCHIVE",
        port=None,
        address="127.0.0.1",
    ):
        self.address = address
        self.port = port or process.free_port()
        self.received = []
        self.associations = 0
        self.echoes = 0
        self._answer = answer or (lambda received: 0x0000)
        self._lock = threading.Lock()
        self._ae = AE(ae_title=ae_title)
        self._ae.maximum_pdu_size = max_pdu_bytes
        self._ae.maximum_associations = 32
        self._ae.add_supported_context(VERIFICATION)
        for sop_class in dict.fromkeys(classes):
            _make_known(sop_class)
            self._ae.add_supported_context(sop_class, list(syntaxes))
        self._server = None

    def __enter__(self):
        handlers = [
            (evt.EVT_CONN_OPEN, _notice_silence),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_C_ECHO, self._echo),
        ]
        self._server = self._ae.start_server((self.address, self.port), block=False, evt_handlers=handlers)
        return self

    def __exit__(self, *exception):
        self._server.shutdown()

    def _accepted(self, event):
        with self._lock:
            self.associations += 1

    def _echo(self, event):
        with self._lock:
            self.echoes += 1
        return 0x0000

    def _store(self, event):
        request = event.request
        received = Received(
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            str(event.context.transfer_syntax),
            request.DataSet.getvalue(),
            event.assoc.requestor.ae_title,
        )
        with self._lock:
            self.received.append(received)
        return self._answer(received)

    def await_received(self, count, limit_s=60):
        """Wait until `count` objects have come, and return all that did."""
        process.wait_until(lambda: len(self.received) >= count, limit_s, f"{count} objects at the archive")
        return list(self.received)
