"""Whose an object is, as it says itself: Patient ID, Patient's Name and birth date, and whether two are of one person.

A Patient ID alone names nobody: many objects have none, and two persons may have been given the same one.
"""

from collections import namedtuple

from edge.dicom import element, text

ID, NAME, BORN = 0x00100020, 0x00100010, 0x00100030

# id, name, born: str as the object has them, without padding, "" for none
Person = namedtuple("Person", "id name born")


def of(values):
    """Return the Person of {tag: octets}, as an object's head or a record of a directory has them."""
    charsets = text.terms(values.get(element.SPECIFIC_CHARACTER_SET, b""))
    return Person(*[_text(values, tag, charsets) for tag in (ID, NAME, BORN)])


def key(person):
    """Return what is the same for objects of one person, and different for those of two."""
    return Person(person.id, folded(person.name), person.born.replace(".", ""))


def folded(name):
    """Return a name as it is compared: without case, and without the delimiters of components that are empty."""
    return " ".join(name.replace("^", " ").rstrip("= ").split()).upper()


def _text(values, tag, charsets):
    octets = bytes(values.get(tag, b""))
    return text.decode(octets, charsets, tag == NAME).strip("\0 ") if octets else ""
