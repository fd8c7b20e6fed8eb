"""Whose an object is, as it says itself: Patient ID, name, birth date and sex, and whether two are of one person.

A Patient ID alone names nobody: many objects have none, and two persons may have been given the same one. Of one ID and
name it takes a contradiction to make two: that one study does not say when its patient was born is none.
"""

from collections import namedtuple

from edge.dicom import element, text

ID, NAME, BORN, SEX = 0x00100020, 0x00100010, 0x00100030, 0x00100040

# id, name, born, sex: str as the object has them, without padding, "" for none
Person = namedtuple("Person", "id name born sex", defaults=("",))


def of(values):
    """Return the Person of {tag: octets}, as an object's head or a record of a directory has them."""
    charsets = text.terms(values.get(element.SPECIFIC_CHARACTER_SET, b""))
    return Person(*[_text(values, tag, charsets) for tag in (ID, NAME, BORN, SEX)])


def key(person):
    """Return what is the same for objects of one person that say the same of it, and different for those of two."""
    return Person(person.id, folded(person.name), person.born.replace(".", ""))


class People:
    """The persons met so far, each with a number from 0."""

    def __init__(self):
        self._alike = {}  # (Patient ID, name as it is compared) -> [[birth date, sex, number], ...] as far as known
        self._count = 0

    def number(self, person):
        """Return the number of a Person, a new one unless there is one that it does not contradict."""
        wanted, sex = key(person), person.sex.upper()
        known = self._alike.setdefault((wanted.id, wanted.name), [])
        exact = not wanted.id or not wanted.name  # then a birth date is most of what tells people apart
        for each in known:
            if exact and (each[0], each[1]) == (wanted.born, sex) or not exact and _agree(each, (wanted.born, sex)):
                each[0], each[1] = each[0] or wanted.born, each[1] or sex
                return each[2]
        known.append([wanted.born, sex, self._count])
        self._count += 1
        return self._count - 1


def _agree(known, said):
    return all([not one or not other or one == other for one, other in zip(known, said)])


def folded(name):
    """Return a name as it is compared: without case, and without the delimiters of components that are empty."""
    return " ".join(name.replace("^", " ").rstrip("= ").split()).upper()


def _text(values, tag, charsets):
    octets = bytes(values.get(tag, b""))
    return text.decode(octets, charsets, tag == NAME).strip("\0 ") if octets else ""
