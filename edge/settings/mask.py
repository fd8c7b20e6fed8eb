"""Secrets kept out of sight: what of a configuration's text may be shown to whoever may not change it, and be logged.

A secret has no place in a configuration: passwords, tokens and keys stand in files of their own, and a URL with a
password in it is refused. What somebody writes there all the same, in a comment or half-typed, is masked here.
"""

import re

MASKED = "..."
_NAMES = "password|passphrase|secret|token|api_?key|credential"
# user and password of a URL; what stands behind its question mark
_LOGIN = re.compile(r"(\w://)[^/\s\"'@]*(?:@[^/\s\"'@]*)*@")
_QUERY = re.compile(r"(\w://[^\s\"'?]*\?)[^\s\"']+")
# a key like password = "..."; those that name a file are none
_STRING = r"\[.*?\]|\"\"\".*?\"\"\"|'''.*?'''|\"[^\"\n]*\"?|'[^'\n]*'?|[^\s\"'#,]+"
_KEY = re.compile(r"(?i)([\w.-]*(?:%s)s?[\"']?\s*[=:]\s*)(%s)" % (_NAMES, _STRING), re.DOTALL)


def text(words):
    """Return TOML text, or any words, with what looks like a secret masked."""
    words = _LOGIN.sub(r"\1%s@" % MASKED, words)
    words = _QUERY.sub(r"\1%s" % MASKED, words)
    return _KEY.sub(r'\1"%s"' % MASKED, words)


def value(found, name=""):
    """Return a value of a document with what looks like a secret masked, in lists and tables too."""
    if isinstance(found, str):
        return MASKED if re.search(r"(?i)(?:%s)s?$" % _NAMES, name) else text(found)
    if isinstance(found, (list, tuple)):
        return [value(each, name) for each in found]
    if isinstance(found, dict):
        return {key: value(each, key) for key, each in found.items()}
    return found
