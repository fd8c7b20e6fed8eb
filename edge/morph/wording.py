"""Descriptions without the words that identify: what a person typed, less the names and numbers that the object tells.

A word goes as a whole when a name of the object is in it, however it is written: without capitals, without accents, or
with the letters that stand for an umlaut. So do numbers of the patient, with whatever stands between their digits,
dates, addresses for mail, and any word of more than four digits. It cannot know more: a description is a person's own
words.
"""

import re
import unicodedata

_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d_]+")
_DATE = re.compile(r"(?<!\d)(?:\d{4}([./-])\d{1,2}\1\d{1,2}|\d{1,2}([./-])\d{1,2}\2(?:\d{4}|\d{2}))(?!\d)")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+")
_LONGEST_NUMBER = 4  # digits; a longer one may be a number of somebody
_WITHIN_WORDS = 4  # letters of a name from which on it is looked for within words
_SHORTEST = 2
_SHORTEST_NUMBER = 3  # letters and digits of an identifier
_IDEOGRAPHS = "\u2e80"  # from here on a single character is a name
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


def fold(text):
    """Return text in the form in which it is compared: no capitals, no accents, wide and narrow forms alike."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join([each for each in parts if not unicodedata.combining(each)])


class Wording:
    """What identifies in descriptions. names: texts whose words are names; numbers: identifiers, taken as wholes."""

    def __init__(self, names, numbers):
        self._whole = set()
        self._within = set()
        for name in names:
            for word in _LETTERS.findall(name):
                self._add(word)
            for word in _WORD.findall(name):
                if len(word) > _SHORTEST:
                    self._whole.add(fold(word))
        expressions = [_spread(number) for number in numbers]
        self._numbers = [re.compile(each, re.IGNORECASE) for each in expressions if each]

    def _add(self, word):
        for form in (fold(word), fold(word.casefold().translate(_UMLAUTS))):
            if len(form) >= _WITHIN_WORDS or form >= _IDEOGRAPHS:
                self._within.add(form)
            elif len(form) >= _SHORTEST:
                self._whole.add(form)

    def clean(self, text):
        """Return `text` without what identifies."""
        for expression in (*self._numbers, _MAIL, _DATE):
            text = expression.sub("", text)
        return _WORD.sub(self._clean_word, text).strip()

    def _clean_word(self, found):
        word = found[0]
        if sum([each.isdigit() for each in word]) > _LONGEST_NUMBER:
            return ""
        form = fold(word)
        if form in self._whole or any([name in form for name in self._within]):
            return ""
        parts = _LETTERS.findall(form)
        return "" if any([part in self._whole for part in parts]) else word


def _spread(number):
    """Return the expression of an identifier with at most two other characters between any of its own, or None."""
    own = [re.escape(each) for each in number if each.isalnum()]
    if len(own) < _SHORTEST_NUMBER:
        return None
    inner = r"[\W_]{0,2}".join(own)
    return inner if len(own) > _SHORTEST_NUMBER else r"(?<![^\W_])%s(?![^\W_])" % inner
