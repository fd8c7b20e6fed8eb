"""The rows of the table of commands that are about updates and slots."""

from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

COMMANDS = (
    Command(
        "update",
        "(FILE | URL) [--allow-older] [--later] [--json] [--config FILE]\n"
        "       [--status] [--gate] [--json] [--config FILE]",
        "install a new version beside the one that runs, or say which versions there are",
        (
            "FILE is copied to the data partition and checked; a URL is streamed, from a server that sends parts of "
            "files. The new version is installed while the box goes on with its work, and the box restarts into it. "
            "There it is on trial: unless the queue opens, C-ECHO and C-STORE of a test object and the console "
            "answer, the box is back with the old version within three minutes.",
            "Without FILE, or with --status, it says which versions are in the slots, and what came of the last "
            "update. --gate is what a new version runs at its first start.",
        ),
        0,
        1,
        (
            Option("--allow-older", None, "Take a version that is older than what runs, too."),
            Option("--later", None, "Do not restart: it is tried whenever the box starts next."),
            Option("--status", None, "Which versions there are, and how far an update is."),
            Option("--gate", None, "Where the version that runs is on trial: test it, keep it or go back."),
            JSON,
            CONFIG,
        ),
        ("edge update /media/stick/edge-1.4.0.raucb", "edge update https://updates.example.org/edge.raucb",
         "edge update --status"),
    ),
    Command(
        "bootstate",
        "(show | get-primary | set-primary SLOT) [--config FILE]\n"
        "       (get-state SLOT | set-state SLOT (good | bad)) [--config FILE]",
        "say which slot boots, or set it; RAUC asks this",
        (
            "The state lies twice, checksummed, on the partition bootstate (or where EDGE_BOOTSTATE says). A slot "
            "that becomes the primary without having been found good is on trial for one start.",
        ),
        1,
        3,
        (CONFIG,),
        ("edge bootstate show",),
    ),
)  # fmt: skip
