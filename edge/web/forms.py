"""What a browser sends with a form: fields, and files. Strict, and only of what is in memory already.

Source: RFC 7578; URL Standard 5.1
"""

from urllib.parse import parse_qsl

_FIELDS = 1000
_PARTS = 50


class BadForm(Exception):
    """The body is not what its Content-Type says."""


def read(kind, body):
    """Return (fields, files): {name: str} and {name: bytes} of a body with the Content-Type `kind`. Raises BadForm."""
    media, _, rest = kind.partition(";")
    media = media.strip().lower()
    if media == "application/x-www-form-urlencoded":
        return dict(_pairs(body)), {}
    if media == "multipart/form-data":
        return _parts(body, _parameter(rest, "boundary"))
    return {}, {}


def _pairs(body):
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError as error:
        raise BadForm("the form cannot be read: %s" % error) from None


def _parameter(text, name):
    for each in text.split(";"):
        key, _, value = each.strip().partition("=")
        if key.lower() == name:
            return value.strip('"')
    return ""


def _parts(body, boundary):
    if not 0 < len(boundary) <= 200 or not boundary.isascii():
        raise BadForm("the form has no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if len(pieces) < 2 or not pieces[-1].startswith(b"--") or len(pieces) > _PARTS:
        raise BadForm("the form is not whole")
    fields, files = {}, {}
    for piece in pieces[1:-1]:
        head, found, content = piece.partition(b"\r\n\r\n")
        if not found or not head.startswith(b"\r\n"):
            raise BadForm("a part of the form has no head")
        name, filename = _disposition(head.decode("utf-8", "replace"))
        try:
            if filename is None:
                fields[name] = content.decode("utf-8")
            else:
                files[name] = content
        except UnicodeDecodeError:
            raise BadForm("a field of the form is no text") from None
    return fields, files


def _disposition(head):
    """Return the name of a part, and of its file, None where it is none."""
    for line in head.split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            name, filename = _parameter(value, "name"), _parameter(value, "filename")
            return name, filename if "filename=" in value.lower() else None
    raise BadForm("a part of the form has no name")
