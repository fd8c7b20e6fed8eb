"""XHTML 1.0 Strict, as pages on a volume have to be: a page is made of elements, and everything else in it is text.

Source: IHE RAD TF-3 4.47 (web content of portable media), XHTML 1.0 (second edition) Appendix C.
"""

from edge.dicom import text

_HEAD = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
    '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n<head>\n'
    '<meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1" />\n'
)
_STYLE = """
body { margin: 0 auto; max-width: 60em; padding: 0 1em 2em; font: 100%/1.5 system-ui, "Noto Sans", sans-serif;
  color: #17202a; background: #ffffff; }
h1 { font-size: 1.5em; margin: 0.8em 0 0.2em; } h2 { font-size: 1.2em; margin: 1.4em 0 0.2em; }
h1, h2, p, td, th { overflow-wrap: anywhere; }
.note { display: inline-block; margin: 0.6em 0; padding: 0.1em 0.8em; border-radius: 1em; background: #ffd34d;
  color: #201800; font-weight: bold; }
.soft { color: #51606e; }
table { border-collapse: collapse; margin: 0.6em 0; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.3em 0.8em 0.3em 0; border-bottom: 1px solid #d5dce3; }
th { color: #51606e; font-weight: normal; }
a { color: #0b5aa8; }
.pictures { list-style: none; margin: 1em 0; padding: 0; }
.pictures li { display: inline-block; vertical-align: top; width: 17em; max-width: 100%; margin: 0 1em 1em 0; }
.pictures img { display: block; width: 100%; height: auto; background: #000000; }
span { unicode-bidi: isolate; }
@media (prefers-color-scheme: dark) {
  body { color: #e8edf2; background: #10151a; } .soft, th { color: #a9b6c3; } a { color: #7fc4ff; }
  th, td { border-color: #35414d; }
}
@media (max-width: 40em) { .wide { display: none; } }
"""
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\ufffe": "\ufffd", "\uffff": "\ufffd"}
)


class Xml(str):
    """What is XHTML already. Any other str is text."""

    __slots__ = ()


NL = Xml("\n")


def of(content):
    """Return anything as Xml: text escaped, in sequences too, None as nothing."""
    if isinstance(content, Xml):
        return content
    if isinstance(content, (list, tuple)):
        return Xml("".join([of(each) for each in content]))
    return Xml("" if content is None else text.printable(str(content)).translate(_ESCAPES))


def tag(name, *contents, **attributes):
    """Return an element as Xml; without contents it is empty. class_ is the attribute class."""
    given = [(key.rstrip("_"), of(value)) for key, value in attributes.items() if value is not None]
    head = name + "".join([' %s="%s"' % each for each in given])
    return Xml("<%s>%s</%s>" % (head, of(contents), name) if contents else "<%s />" % head)


def said(words):
    """Return words of others, from an object, as Xml that keeps their direction to themselves."""
    return tag("span", words, dir="rtl" if is_leftward(words) else None)


def is_leftward(words):
    """Say whether words begin in a script that is written from right to left."""
    if words.isascii():
        return False
    from unicodedata import bidirectional  # only where there is more than ASCII

    kinds = [kind for kind in map(bidirectional, words) if kind in ("L", "R", "AL")]
    return bool(kinds) and kinds[0] != "L"


def begin(title):
    """Return all of a page that stands before what is in its body."""
    return Xml(_HEAD + tag("title", title) + '\n<style type="text/css">' + _STYLE + "</style>\n</head>\n<body>\n")


END = Xml("</body>\n</html>\n")
