"""What a new version has to show before it is believed: the queue is open, the way in works, the console answers.

The running box asks it of itself, over its own ports, as a modality and a browser would: C-ECHO, and C-STORE of an
object that goes through the same thread, association and disk as any other and then is dropped (edge/net/rehearsal).
"""

import os
from collections import namedtuple

from edge.dicom import syntax, uid, writer
from edge.dicom.errors import DicomError
from edge.net import here, outbound, rehearsal
from edge.protocol import echo, status

# name: a word for what was looked at; ok: True, False, or None where it could not be tried and says nothing against
# the version; words: for a person
Check = namedtuple("Check", ("name", "ok", "words"))

_TERMS = outbound.Terms(5000, 15000, rehearsal.PDU_BYTES)
_CONSOLE_S = 10


def checks(settings, spool, rehearsals):
    """Yield a Check of everything, one after another. settings: config.Config; rehearsals: of the listener."""
    yield _queue(spool)
    yield from _way_in(settings, rehearsals)
    yield _console(settings.console)


def _queue(spool):
    """Read and write where the queue is."""
    try:
        counts = spool.jobs.counts()
        spool.index.find("0")
    except (DicomError, OSError) as error:
        return Check("queue", False, "it cannot be read: %s" % error)
    for trouble in spool.health.troubles():
        if trouble.key == "index":
            return Check("queue", False, trouble.words)
    return Check("queue", True, "open, with jobs for %d destinations" % len(counts))


def test_object(sop_instance):
    """Return the data set of the test object, in Explicit VR Little Endian: an image of 2 x 2 pixels, of nobody."""
    content = (
        (0x00080016, "UI", rehearsal.SOP_CLASS),
        (0x00080018, "UI", sop_instance),
        (0x00080060, "CS", "OT"),
        (0x00080064, "CS", "SYN"),
        (0x00100010, "PN", ""),
        (0x00100020, "LO", ""),
        (0x0020000D, "UI", uid.from_random(os.urandom(16))),
        (0x0020000E, "UI", uid.from_random(os.urandom(16))),
        (0x00200013, "IS", "1"),
        (0x00280002, "US", 1),
        (0x00280004, "CS", "MONOCHROME2"),
        (0x00280010, "US", 2),
        (0x00280011, "US", 2),
        (0x00280100, "US", 8),
        (0x00280101, "US", 8),
        (0x00280102, "US", 7),
        (0x00280103, "US", 0),
        (0x7FE00010, "OB", b"\0\x55\xaa\xff"),
    )
    return writer.data_set(content, syntax.lookup(syntax.EXPLICIT_LITTLE))


def _way_in(settings, rehearsals):
    dicom = settings.dicom
    host = here.reached(dicom.bind)
    expected = rehearsals.expect(uid.from_random(os.urandom(16)))
    wanted = [(echo.SOP_CLASS, (syntax.IMPLICIT_LITTLE,)), (rehearsal.SOP_CLASS, (syntax.EXPLICIT_LITTLE,))]
    port, client = (dicom.port, None) if dicom.plain else (dicom.tls_port, _Itself(settings.tls))
    name = "C-ECHO"
    try:
        link = outbound.associate(host, port, expected.calling, settings.box.ae_title, wanted, _TERMS, client)
        try:
            code = link.echo()
            yield Check(name, code == status.SUCCESS, "answered with %04X" % code)
            name = "C-STORE"
            context = link.context_for(rehearsal.SOP_CLASS, syntax.EXPLICIT_LITTLE)
            octets = test_object(expected.sop_instance)
            link.begin_store_octets(context, rehearsal.SOP_CLASS, expected.sop_instance, octets)
            reply = link.reply()
            said = "answered with %04X" % reply.code + (": " + reply.comment if reply.comment else "")
            yield Check(name, reply.code == status.SUCCESS, said)
            link.release()
        finally:
            link.close()
    except outbound.LinkFailure as failure:
        ok = None if client is not None and failure.layer in (outbound.TLS, outbound.ASSOCIATION) else False
        yield Check(name, ok, failure.reason)
    finally:
        rehearsals.forget(expected)


class _Itself:
    """A client for the box's own port with TLS: it shows the box's certificate, and takes any, as nothing is secret."""

    def __init__(self, terms):
        self._terms = terms

    def context(self):
        """Return the ssl.SSLContext."""
        import ssl  # only a box that has no port without TLS comes here

        made = _trusting(ssl)
        if self._terms.certificate is not None:
            try:
                made.load_cert_chain(self._terms.certificate, self._terms.key)
            except (OSError, ssl.SSLError):
                pass  # the port will say what it thinks of that
        return made

    def name_of(self, host):
        """Return the name that is asked for."""
        return host


def _trusting(ssl):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def _console(settings):
    """Ask the console whether it is there; what it says of the box's health is another matter."""
    import http.client

    if not settings.on:
        return Check("console", None, "it is off")
    host = here.reached(settings.bind)
    if settings.tls:
        import ssl

        asking = http.client.HTTPSConnection(host, settings.port, timeout=_CONSOLE_S, context=_trusting(ssl))
    else:
        asking = http.client.HTTPConnection(host, settings.port, timeout=_CONSOLE_S)
    try:
        asking.request("GET", "/login")
        code = asking.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Check("console", False, "it does not answer: %s" % (str(error) or type(error).__name__))
    finally:
        asking.close()
    return Check("console", code < 500, "answered with %d" % code)
