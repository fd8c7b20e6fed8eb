"""Imports run downward through the house, and in one order within each room."""

import re
import sys

from tests.house import source

# Where each room stands. From F2 upwards it may import every room on a lower floor.
FLOOR = {
    "dicom": 0,
    "protocol": 1,
    "tap": 1.5,
    "pixels": 1,
    "morph": 1,
    "spool": 1,
    "toml": 1,
    "board": 1,
    "net": 2,
    "forward": 3,
    "media": 3,
    "modality": 3,
    "box": 3,
    "steward": 3.2,
    "ways": 3.5,
    "settings": 3.5,
    "update": 3.3,
    "access": 3,
    "watch": 3.5,
    "export": 3.7,
    "verbs": 4,
    "console": 5,
    "web": 5,
    "terminal": 5.5,
    "demo": 5,
    "service": 6,
}
# On F0 and F1: exactly these rooms, and of other modules only those named (None: all of the standard library).
LOW_ROOMS = {
    "dicom": ((), ("struct", "binascii", "collections", "array")),
    "protocol": (("dicom",), ("collections",)),
    "tap": (("dicom", "protocol"), ("array", "binascii", "collections")),  # and TAP_IO
    "spool": (("dicom",), None),
    "pixels": (("dicom",), None),
    "morph": (("dicom",), None),
    "toml": ((), None),
    "board": (("toml",), None),
}
# The files of the tap that touch the machine: what runs it on a board, and its socket. The others are handed all I/O.
TAP_IO = {
    "running": ("gc", "os", "select", "sys", "time"),
    "link": ("errno", "select", "socket", "ssl"),
    "microcontroller": ("machine", "network", "ntptime"),
}
NATIVE_IN = {"spool/checksum", "spool/stepper", "pixels/binding"}  # the files that may know of the C extension
# The extensions of foreign libraries are loaded by the confined process and by nothing else.
FOREIGN = ("_openjpeg", "_openjph", "_jpeg", "_confine")
FOREIGN_IN = {"pixels/child"}

# The order of the files in a room: each imports only those before it.
ORDER = {
    "dicom": "errors octets ascii text syntax_table syntax uid tags keywords element reader rewriter writer meta"
    " part10 skim seek",
    "protocol": "framing items pdu contexts states association command status dimse echo store commitment query",
    "tap": "checks rule framing xmodem fields template settings keep send lamp tap wifi microcontroller link running",
    "spool": "errors disk writing checksum inflate further health turns retry forecast lines journal sources tables"
    " studies transaction pledges ledger index age jobs commitments shelf quota files compare compaction intake"
    " examine scrub adopt uploads recovery spool",
    "pixels": "image binding wire child limited rewrite frames registry coding plan flow transcode source png looks"
    " fetch shades render",
    "toml": "section kinds positions meaning reading markdown",
    "board": "kernel bootstate keys profile progress notify watchdog lines detect timekeeping indicators network"
    " networkd firewall wireless",
    "morph": "path layout match check stream draft change pseudonym wording identity_table profile identity",
    "steward": "errors shapes wire client programs erasing provisioning mounts resetting network updating lamps"
    " roles serve",
    "net": "libcrypto pace transport reach here private tls certificate alerts doors channel witness manners half"
    " report awaited inbound listener outbound talk committing fetching web heads httpd tus",
    "box": "sameness admission values section board_keys tls_keys commitment relaying alerting serials setups"
    " console_keys encryption rule_keys media_keys config rules positions load reference troubles",
    "forward": "target reencode alter offer parcel outgoing receipt dicom stow folder resume relay route window tray"
    " news hand worker commitment",
    "media": "errors beside leaf person sight packing viewer xhtml pages records fit survey supply directory walk"
    " profile fileset written layout inventory child manifest zipped cipher ber envelope opened lockedzip unzipped"
    " imagefile inside examine take devices image archive copies stick burn fat span drawing"
    " label",
    "ways": "targets stages routes walk lookout known archive",
    "export": "progress staging order record choose hiding leaves ahead content sheets volume target ready make apart"
    " maker exports rules",
    "verbs": "verb box boards machine status jobs ways watching objects media fetching exports studies alerts logs"
    " trial settings carrying access updating stewards network appliance table",
    "web": "markup words page place said fields home queue associations settings versions backup destinations storage"
    " alerts logs media studies viewer entry people audit network contents forms workers server encryption guard live"
    " openapi api app door",
    "terminal": "plain effects line ymodem page session talk shapes state waiting applying tables adjusting peers"
    " moving importing media anything entry menu",
    "access": "roles files digest crypto seal selfmade audit claim attempts secret users sessions tokens access",
    "settings": "history older keeper mask lines catalogue document backup sticks setup taking",
    "watch": "past meters board clock health exposition measures ring notice events doings rounds silence failed syslog"
    " webhook mail gpio channels alerts bundle watcher",
    "update": "errors release bundle stream updates gate",
    "demo": "canvas pictures phantom link archive modality proof view box day",
}


def sources(*rooms):
    """The files of these rooms, or of all."""
    return [each for each in source.edge_sources() if each.room and (not rooms or each.room in rooms)]


def rooms_imported(each):
    """(room, file or "", line) of every import of another part of edge."""
    for target, line in source.imports(each):
        parts = target.split(".")
        if parts[0] == "edge" and len(parts) > 1 and (source.EDGE / parts[1]).is_dir():
            yield parts[1], parts[2] if len(parts) > 2 else "", line


def test_every_room_stands_on_a_floor():
    assert {each.room for each in sources()} <= set(FLOOR), "give it one here and in the README's map"


def test_a_file_imports_only_rooms_below_its_own():
    def allowed(own, other):
        return other in LOW_ROOMS[own][0] if own in LOW_ROOMS else FLOOR[other] < FLOOR[own]

    source.none(
        f"{each.path}:{line}: edge/{each.room} must not import edge/{room}"
        for each in sources()
        for room, _, line in rooms_imported(each)
        if room != each.room and not allowed(each.room, room)
    )


def test_a_low_room_imports_nothing_foreign():
    def known(each, top):
        allowed = LOW_ROOMS[each.room][1]
        if each.room == "tap" and top in TAP_IO.get(each.name, ()):
            return True
        return top in sys.stdlib_module_names if allowed is None else top in allowed

    source.none(
        f"{each.path}:{line}: edge/{each.room} must not import {target}"
        for each in sources(*LOW_ROOMS)
        for target, line in source.imports(each)
        if (top := target.split(".")[0]) != "edge" and not known(each, top)
    )


def test_only_the_binding_files_know_of_the_extension():
    source.none(
        f"{each.path}:{line}: imports edge._native"
        for each in sources()
        if f"{each.room}/{each.name}" not in NATIVE_IN
        for target, line in source.imports(each)
        if target.startswith("edge._native") or (target == "edge" and _imports_native(each, line))
    )


def test_only_the_confined_process_loads_foreign_libraries():
    source.none(
        f"{each.path}:{line}: loads a foreign library"
        for each in sources()
        if f"{each.room}/{each.name}" not in FOREIGN_IN
        for target, line in source.imports(each)
        if target.split(".")[0] == "edge" and any(_imports_native(each, line, name) for name in FOREIGN)
    )


def _imports_native(each, line, name="_native"):
    text = (source.PROJECT / each.path).read_text(encoding="utf-8").splitlines()[line - 1]
    return re.search(rf"\b{name}\b", text) is not None


def test_the_files_of_a_room_import_each_other_without_a_circle():
    for room in FLOOR:
        graph = {
            each.name: {name for other, name, _ in rooms_imported(each) if other == room and name}
            for each in sources(room)
        }
        placed = set()
        while len(placed) < len(graph):
            free = {name for name in graph if name not in placed and graph[name] <= placed}
            assert free, f"edge/{room}: a circle among {', '.join(sorted(set(graph) - placed))}"
            placed |= free


def test_the_files_of_a_room_import_only_those_before_them():
    places = {room: {name: number for number, name in enumerate(names.split())} for room, names in ORDER.items()}
    source.none(
        f"{each.path}:{line}: {name} stands after {each.name}"
        for each in sources(*places)
        if each.name in (place := places[each.room])
        for room, name, line in rooms_imported(each)
        if room == each.room and name in place and place[name] >= place[each.name]
    )


def test_the_map_in_the_readme_names_every_room():
    readme = (source.PROJECT / "README.md").read_text(encoding="utf-8")
    for room in sorted({each.room for each in sources()}):
        assert f"{room}/" in readme, f"README.md does not name edge/{room}/"


def test_the_readme_shows_the_configuration_as_the_code_has_it():
    from edge.box import reference

    readme = (source.PROJECT / "README.md").read_text(encoding="utf-8")
    assert reference.inserted(readme) == readme, "out of date: python -m edge.box.reference README.md"


def test_the_boards_readme_shows_the_fields_as_the_code_has_them():
    from edge.board import profile

    readme = (source.PROJECT / "boards/README.md").read_text(encoding="utf-8")
    assert profile.inserted(readme) == readme, "out of date: python -m edge.board.profile boards/README.md"
