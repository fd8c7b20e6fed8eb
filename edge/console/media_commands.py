"""The rows of the table of commands that are about media: discs, sticks, and folders like them."""

from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

COMMANDS = (
    Command(
        "import",
        "PATH [--to NAME] [--json] [--config FILE]",
        "take in the objects of a disc, a stick or a folder",
        (
            "PATH is the folder of a file-set, its DICOMDIR, or any folder or file. Each object is taken in once, in "
            "the order of the directory, then what lies there and is not in it; nothing on the medium is changed. They "
            "go by the routes, as if they had been received, or to one destination.",
            "With the box running it is the box that reads PATH, so its user has to be allowed to.",
        ),
        1,
        1,
        (Option("--to", "NAME", "Queue them for this destination, whatever the routes say."), JSON, CONFIG),
        ("edge import /media/cdrom", "edge import /mnt/stick --to archive"),
    ),
    Command(
        "media",
        "(check | index) PATH [--profile NAME] [--id ID] [--json] [--config FILE]",
        "check a file-set, or make the DICOMDIR of one",
        (
            "`check` holds the file-set in the folder PATH against the standard: every link and key of its DICOMDIR, "
            "every file it references against its record, and files that none references. It prints a line for each "
            "finding, and exits with 1 when there is one.",
            "`index` makes the DICOMDIR of PATH anew from the files that lie there under names that are File IDs, and "
            "says what it supplied for those that lack something. No file is changed.",
        ),
        2,
        2,
        (
            Option("--profile", "NAME", "An application profile that the set has to keep to: STD-GEN-CD, ..."),
            Option("--id", "ID", "index: the File-set ID, at most 16 of A-Z 0-9 _."),
            JSON,
            CONFIG,
        ),
        ("edge media check /media/cdrom --profile STD-GEN-CD", "edge media index disc/ --id MYDISC"),
    ),
)
