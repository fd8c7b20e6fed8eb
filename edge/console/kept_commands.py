"""The rows of the table of commands that are about studies and images that are kept."""

from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

COMMANDS = (
    Command(
        "studies",
        "[TEXT] [--modality M] [--from D] [--to D] [--limit N] [--json] [--config FILE]",
        "find studies, the newest first, and say where they went",
        (
            "TEXT is words that all have to occur in the patient's name or ID, the accession number, the description "
            "or the Study Instance UID; neither case nor accents matter. The number in front of a study is what "
            "`edge download` and `edge send-again` call it by. What is printed is patients' data.",
        ),
        0,
        None,
        (
            Option("--modality", "M", "A modality that the study has."),
            Option("--from", "D", "The earliest study date, as 2026-11-23."),
            Option("--to", "D", "The latest study date."),
            Option("--limit", "N", "How many at most; 50 without it, 500 at the most."),
            JSON,
            CONFIG,
        ),
        ("edge studies doe", "edge studies --modality CT --from 2026-11-01 --json"),
    ),
    Command(
        "picture",
        "OBJECT FILE [--frame N] [--center C] [--width W] [--size PIXELS] [--config FILE]",
        "make a picture of an image, not for diagnosis",
        (
            "Writes one frame of OBJECT, by the number that `edge objects` shows as id, as a PNG of 8 bits into the "
            "new FILE; - is stdout. The window is the object's own, or the whole range of its values, unless another "
            "is given.",
        ),
        2,
        2,
        (
            Option("--frame", "N", "Which frame; the first without it."),
            Option("--center", "C", "Center of the window; with --width."),
            Option("--width", "W", "Width of the window."),
            Option("--size", "PIXELS", "The most that the longer side may have, 16 to 2048; 1024 without it."),
            CONFIG,
        ),
        ("edge picture 17 17.png", "edge picture 17 lung.png --center -600 --width 1500"),
    ),
    Command(
        "download",
        "(--object ID | --study KEY [--series UID]) FILE [--config FILE]",
        "take an object away as its file, or a study as a ZIP archive",
        (
            "Writes the new FILE; - is stdout. An object is the file that was stored, bit for bit; a study, or one of "
            "its series, is an archive of such files, with names that say nothing about the patient.",
        ),
        1,
        1,
        (
            Option("--object", "ID", "The object, by the number that `edge objects` shows as id."),
            Option("--study", "KEY", "The study, by the number that `edge studies` shows."),
            Option("--series", "UID", "Only this series of the study."),
            CONFIG,
        ),
        ("edge download --object 17 17.dcm", "edge download --study 5 study.zip"),
    ),
    Command(
        "send-again",
        "DESTINATION (--object ID | --study KEY) [--json] [--config FILE]",
        "send an object or a study to a destination, also where it has it",
        ("Queues what was delivered once more, and what never was meant to go there for the first time.",),
        1,
        1,
        (
            Option("--object", "ID", "The object, by the number that `edge objects` shows as id."),
            Option("--study", "KEY", "The study, by the number that `edge studies` shows."),
            JSON,
            CONFIG,
        ),
        ("edge send-again archive --study 5",),
    ),
)
