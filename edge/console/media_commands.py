"""The rows of the table of commands that are about media: discs, sticks, and folders like them."""

from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

COMMANDS = (
    Command(
        "import",
        "PATH [--to NAME] [--passphrase-file FILE] [--json] [--config FILE]",
        "take in the objects of a disc, a stick, a folder, an image or a ZIP archive",
        (
            "PATH is the folder of a file-set, its DICOMDIR, an image of a disc (ISO 9660), a ZIP archive, or any "
            "folder or file. Each object is taken in once, in the order of the directory, then what lies there and is "
            "not in it; nothing on the medium is changed. They go by the routes, as if they had been received, or to "
            "one destination.",
            "With the box running it is the box that reads PATH, so its user has to be allowed to.",
            "The files of a secure file-set (PS3.15 Annex D), and of a ZIP archive under a password, are opened by the "
            "password that came with it.",
        ),
        1,
        1,
        (
            Option("--to", "NAME", "Queue them for this destination, whatever the routes say."),
            Option("--passphrase-file", "FILE", "The file whose first line is the password."),
            JSON,
            CONFIG,
        ),
        ("edge import /media/cdrom", "edge import disc.iso", "edge import /mnt/stick --to archive"),
    ),
    Command(
        "fetch",
        "(--study UID | --patient ID | --accession NUMBER) --from NAME\n"
        "    [--yes] [--route] [--json] [--config FILE]",
        "fetch studies from an archive",
        (
            "NAME is a destination of kind dicom; its `retrieve` says whether objects are sent by C-GET or by C-MOVE, "
            "for which the box has to run, and the archive to know its AE title, address and port. Each object is "
            "durable before the archive hears of success; one that is here already counts as here. Ctrl-C has the "
            "archive stop.",
            "--patient and --accession list what the archive has; --yes fetches all of it. What is fetched is "
            "forwarded nowhere, counts as delivered to NAME, which has it, and is kept as long as what was delivered.",
        ),
        0,
        0,
        (
            Option("--from", "NAME", "The archive."),
            Option("--study", "UID", "A study, by its Study Instance UID."),
            Option("--patient", "ID", "The studies of a patient."),
            Option("--accession", "NUMBER", "The studies under an accession number."),
            Option("--yes", None, "Fetch all that is found."),
            Option("--route", None, "Have what comes go by the routes, as if it had been received."),
            JSON,
            CONFIG,
        ),
        ("edge fetch --patient 4711 --from archive", "edge fetch --study 1.2.840.1 --from archive"),
    ),
    Command(
        "media",
        "(check | index | format) PATH [--profile NAME] [--id ID] [--yes] [--json]\n    [--config FILE]",
        "check a file-set, make the DICOMDIR of one, or format a stick",
        (
            "`check` holds the file-set in PATH, a folder, an image of a disc (ISO 9660) or a ZIP archive, against the "
            "standard: every link and key of its DICOMDIR, every file it references against its record, and files that "
            "none references. It prints a line for each finding, and exits with 1 when there is one.",
            "`index` makes the DICOMDIR of PATH anew from the files that lie there under names that are File IDs, and "
            "says what it supplied for those that lack something. One that cannot be read is named with its reason, "
            "and it exits with 1. No file is changed.",
            "`format` makes an empty FAT32 stick, with one partition, of the device PATH: /dev/sdb, not mounted. All "
            "that was on it is lost.",
        ),
        2,
        2,
        (
            Option("--profile", "NAME", "An application profile that the set has to keep to: STD-GEN-CD, ..."),
            Option("--id", "ID", "index: the File-set ID, at most 16 of A-Z 0-9 _; format: the label, of 11."),
            Option("--yes", None, "format: all that is on the stick may be lost."),
            JSON,
            CONFIG,
        ),
        ("edge media check /media/cdrom --profile STD-GEN-CD", "edge media index disc/ --id MYDISC",
         "edge media format /dev/sdb --yes"),
    ),
    Command(
        "export",
        "--to PLACE [--study UID]... [--patient ID] [--since DATE] [--until DATE]\n"
        "    [--profile NAME] [--medium NAME] [--deidentify] [--viewer | --no-viewer] [--label WORDS]\n"
        "    [--password | --password-file FILE | --new-password] [--receiver FILE]... [--sheets]\n"
        "    [--wait] [--from NAME] [--format] [--detach] [--json] [--config FILE]",
        "write studies to a disc, a stick, an image, a folder or an archive",
        (
            "PLACE is iso:FILE, usb:FOLDER (where a stick is mounted), burner:DEVICE, dir:FOLDER or zip:FILE; nothing "
            "that is there is written over. Each volume has a DICOMDIR, pages with pictures, and a viewer that opens "
            "in any browser; what exceeds one disc is shared out among several. Objects that the profile does not take "
            "are transcoded, or left out with the reason. Burnt discs and sticks are read back and compared.",
            "With a password a ZIP archive is encrypted (AES-256), and anything else becomes a secure file-set "
            "(PS3.15 Annex D), without pages and viewer. The box keeps no password: what it has not made when it "
            "stops is to be ordered again.",
            "With the box running it is the box that writes, so its user has to be allowed to; the export goes on when "
            "this command is interrupted, and begins again when the box is. The exit code is 1 where any object is "
            "left out.",
        ),
        0,
        0,
        (
            Option("--study", "UID", "A study, by its Study Instance UID; may be given more than once.", True),
            Option("--patient", "ID", "All studies of this Patient ID; with --study, those of both."),
            Option("--since", "DATE", "Studies from this Study Date on, as 2026-11-23; how many have none is said."),
            Option("--until", "DATE", "Studies up to this Study Date."),
            Option("--to", "PLACE", "Where to."),
            Option("--profile", "NAME", "The application profile: STD-GEN-CD (usual), STD-GEN-DVD-JPEG, ..."),
            Option("--medium", "NAME", "What an image is to fit on: cd74, cd80, dvd, dvd-dl, bd, bd-dl."),
            Option("--deidentify", None, "De-identify, as [[deidentify]] says."),
            Option("--viewer", None, "With the viewer, whatever the configuration says."),
            Option("--no-viewer", None, "Without the viewer."),
            Option("--label", "WORDS", "What the volume is called: up to 16 of A-Z, 0-9 and _; no patient's name."),
            Option("--password", None, "Ask on the terminal for what opens it."),
            Option("--password-file", "FILE", "The file whose first line is the password."),
            Option("--new-password", None, "Have the box make the password; it is shown this once."),
            Option("--receiver", "FILE", "A certificate (PEM) whose private key opens it; one or more.", True),
            Option("--sheets", None, "Draw a label and a cover sheet (PDF) beside it: FILE-label.pdf, FILE-cover.pdf."),
            Option("--wait", None, "Begin when nothing of it has come for quiet_min of [media]."),
            Option("--from", "NAME", "The destination that studies which are not here are fetched from, before."),
            Option("--format", None, "usb:DEVICE, such as usb:/dev/sdb: format the whole stick; all on it is lost."),
            Option("--detach", None, "Return at once; `edge exports` shows how far it is."),
            JSON,
            CONFIG,
        ),
        ("edge export --patient 4711 --to iso:disc.iso", "edge export --study 1.2.3 --to burner:/dev/sr0 --no-viewer",
         "edge export --study 1.2.3 --from archive --to usb:/media/stick"),
    ),
    Command(
        "exports",
        "[--json] [--config FILE]",
        "list exports, how far they are, and what came of them",
        ("The newest first. A disc may be handed out only where it says so.",),
        0,
        0,
        (JSON, CONFIG),
        ("edge exports",),
    ),
    Command(
        "cancel-export",
        "EXPORT [--json] [--config FILE]",
        "cancel an export",
        ("EXPORT is a number that `edge exports` shows. What it has made is removed; a disc that is burnt is spoilt.",),
        1,
        1,
        (JSON, CONFIG),
        ("edge cancel-export 3",),
    ),
    Command(
        "retry-export",
        "EXPORT [--detach] [--json] [--config FILE]",
        "make an export once more, on another disc",
        ("EXPORT is a number that `edge exports` shows. It becomes a new export, with a number of its own.",),
        1,
        1,
        (Option("--detach", None, "Return at once; `edge exports` shows how far it is."), JSON, CONFIG),
        ("edge retry-export 3",),
    ),
)
