"""The verbs as JSON: POST /api/v1/VERB with an object of arguments, or GET with a query where nothing changes.

    {"rows": [...], "done": {...}}    what the verb answers; rows are sent as they come
    {"failed": words}                 with 400 (asked wrongly), 403 (another role), 409 (cannot be done), ...

A verb that fails behind its first rows has said 200 already: then "failed" stands behind the rows. What a verb writes
is the whole of the answer; a verb that reads a file takes multipart/form-data, with the file as `file`.
"""

import io
import json

from edge.verbs import table
from edge.verbs.verb import Forbidden, Misused, Refused
from edge.web import openapi
from edge.web.guard import answer

_JSON = "application/json"
_DEPTH = 32
_ROWS_BYTES = 16 << 10
# What a verb wrote, told by how it begins: it never is a page, whatever a device has put into it
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"PK\x03\x04", "application/zip"),
    (b"%PDF-", "application/pdf"),
)
_KIND = "application/octet-stream"
_ENDS = {"application/zip": ".zip", "application/dicom": ".dcm", "application/pdf": ".pdf"}  # of names of files


def failed(status, words, headers=None):
    """Return the Response of something that was not done."""
    return answer(json.dumps({"failed": words}).encode(), status, _JSON, headers)


def refused(error):
    """Return the Response of a Refused."""
    status = 400 if isinstance(error, Misused) else 403 if isinstance(error, Forbidden) else 409
    wait_s = getattr(error, "wait_s", None)
    if wait_s:
        return failed(429, str(error), {"Retry-After": "%d" % (wait_s + 1)})
    return failed(status, str(error))


class Api:
    """Answers requests below /api/v1/ for a box.Box, by workers.Workers."""

    def __init__(self, box, workers):
        self._box = box
        self._workers = workers

    async def document(self):
        """Answer with the OpenAPI document."""
        return answer(json.dumps(openapi.document(table.VERBS)).encode(), 200, _JSON)

    async def serve(self, request, name, who):
        """Answer a microdot.Request for the verb called `name`, asked by `who` (Asker)."""
        verb = table.VERBS.get(name)
        if verb is None:
            return failed(404, "no verb %s; there are: %s" % (name, ", ".join(table.VERBS)))
        reads = request.method in ("GET", "HEAD")
        if reads and (verb.changes or verb.file == "in"):
            return failed(405, "%s changes something: ask for it with POST" % name, {"Allow": "POST"})
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        wanted = "multipart/form-data" if verb.file == "in" else _JSON
        if not reads and kind != wanted and (request.body or verb.file == "in"):
            return failed(415, "%s takes its arguments as %s" % (name, wanted))
        try:
            asked = _query(verb, request) if reads else _body(verb, request)
            return await self._ask(verb, asked, who)
        except Refused as error:
            return refused(error)

    async def _ask(self, verb, asked, who):
        def write(file):
            if verb.file == "out":
                for _ in table.ask(self._box, verb.name, {**asked, "file": file}, who):
                    pass
            else:
                _write_rows(table.ask(self._box, verb.name, asked, who), file)

        stream = await self._workers.stream(write)
        if verb.file != "out":
            return answer(stream, 200, _JSON)
        kind = _kind_of(stream.first)
        return answer(stream, 200, kind, _named(verb, asked, kind))


def _write_rows(rows, file):
    """Write what a verb yields and returns as JSON; raises Refused as long as nothing was written."""
    count = 0
    parts = []
    size = 0
    try:
        while True:
            text = json.dumps(next(rows))
            parts.append(("," if count else '{"rows":[') + text)
            count += 1
            size += len(text)
            if size > _ROWS_BYTES:
                file.write("".join(parts).encode())
                file.flush()
                parts, size = [], 0
    except StopIteration as end:
        last = '],"done":%s}\n' % json.dumps(end.value or {})
    except Refused as error:
        if not count:
            raise
        last = '],"failed":%s}\n' % json.dumps(str(error))
    file.write(("".join(parts) + ("" if count else '{"rows":[') + last).encode())


def _kind_of(octets):
    for magic, kind in _MAGIC:
        if octets.startswith(magic):
            return kind
    if octets[128:132] == b"DICM":
        return "application/dicom"
    return _KIND


def _named(verb, asked, kind):
    """Return the header field with the name that a file is saved by; a picture is looked at, and has none."""
    if kind == "image/png":
        return None
    if "series" in asked:
        return {"Content-Disposition": "attachment"}  # the page that links to it knows which series of the study it is
    what = [(name.partition("_")[0], asked[name]) for name in ("object", "study_key") if name in asked]
    name = "-".join(["%s-%d" % each for each in what]) or "edge-" + verb.name
    return {"Content-Disposition": 'attachment; filename="%s%s"' % (name, _ENDS.get(kind, ""))}


def _query(verb, request):
    """Return the arguments of a GET, read as their kinds are written. Raises Misused."""
    kinds = {each.name: each.kind for each in verb.arguments}
    asked = {}
    for name, value in request.query_pairs:
        kind = kinds.get(name, "text")
        if kind in ("list", "secrets"):
            asked.setdefault(name, []).append(value)
        elif name in asked:
            raise Misused("%s of %s is there more than once" % (name, verb.name))
        else:
            asked[name] = _read(verb, name, kind, value)
    if "file" in asked:
        raise Misused("%s has no argument file" % verb.name)
    return asked


def _read(verb, name, kind, value):
    if kind in ("number", "truth", "any", "hidden"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            if kind in ("number", "truth"):
                expected = "a whole number" if kind == "number" else "true or false"
                raise Misused("%s of %s: expected %s" % (name, verb.name, expected)) from None
    return value


def _body(verb, request):
    """Return the arguments of a POST. Raises Misused."""
    if verb.file == "in":
        asked = {name: value for name, value in request.form_fields.items() if name != "csrf"}
        kinds = {each.name: each.kind for each in verb.arguments}
        asked = {name: _read(verb, name, kinds.get(name, "text"), value) for name, value in asked.items()}
        if set(request.files_sent) != {"file"}:
            raise Misused("%s needs one file, as the field called file" % verb.name)
        return {**asked, "file": io.BytesIO(request.files_sent["file"])}
    if not request.body:
        return {}
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Misused("the body is no JSON") from None
    if not isinstance(asked, dict):
        raise Misused("the body is no JSON object")
    if "file" in asked:
        raise Misused("%s has no argument file" % verb.name)
    if _is_deep(asked):
        raise Misused("the body is nested more deeply than anything that is asked for")
    return asked


def _is_deep(value, depth=_DEPTH):
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (not depth or any([_is_deep(each, depth - 1) for each in value]))


