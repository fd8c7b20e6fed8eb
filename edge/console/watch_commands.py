"""The rows of the table of commands that are about what the box knows of itself."""

from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

COMMANDS = (
    Command(
        "associations",
        "[--limit N] [--json] [--config FILE]",
        "list who connected lately, what came of it, and why it ended",
        (
            "Lists the associations that are open, then the last ones, also those that were refused, and connections "
            "on which none came about. --json has the presentation contexts, too.",
        ),
        0,
        0,
        (Option("--limit", "N", "How many at most; without it 40, and with --json all that are kept."), JSON, CONFIG),
        ("edge associations",),
    ),
    Command(
        "health",
        "[--json] [--config FILE]",
        "say whether the box is ready, or what is wrong with it",
        ("Says ready, or degraded with every reason and what to do about it; exits with 1 then.",),
        0,
        0,
        (JSON, CONFIG),
        ("edge health",),
    ),
    Command(
        "metrics",
        "[--format FORMAT] [--config FILE]",
        "print what the box measures, for monitoring",
        ("Prints OpenMetrics, as Prometheus and its like read it. Nothing of a patient is in it.",),
        0,
        0,
        (Option("--format", "FORMAT", "openmetrics, or prometheus for its older text format (0.0.4)."), CONFIG),
        ("edge metrics",),
    ),
    Command(
        "alerts",
        "[--json] [--config FILE]",
        "list what is wrong and what was, and who was told of it",
        (
            "An [[alert]] of the configuration is told of everything that is wrong with the box: once when it begins "
            "and once when it is over. No alert has anything of a patient in it.",
        ),
        0,
        0,
        (JSON, CONFIG),
        ("edge alerts",),
    ),
    Command(
        "test-alert",
        "CHANNEL [--json] [--config FILE]",
        "send an alert to try one way, and say what was answered",
        ("CHANNEL is the name of an [[alert]] of the configuration. What is sent says that it is a test.",),
        1,
        1,
        (JSON, CONFIG),
        ("edge test-alert service-desk",),
    ),
    Command(
        "events",
        "[--follow] [--level LEVEL] [--limit N] [--json] [--config FILE]",
        "list what happened, in words: who sent what, what was down, who changed what",
        ("With --follow it goes on with what happens, until Ctrl-C.",),
        0,
        0,
        (
            Option("--follow", None, "Go on with those that come."),
            Option("--level", "LEVEL", "This one and all that is graver: info, warning or error."),
            Option("--limit", "N", "At most so many, the latest. Without it: 1000."),
            JSON,
            CONFIG,
        ),
        ("edge events --follow",),
    ),
    Command(
        "log",
        "[--follow] [--level LEVEL] [--text TEXT] [--limit N] [--json] [--config FILE]",
        "list the last lines of the log of the box that runs",
        (
            "The box keeps the last 256 KiB of its log in memory, beside what goes to stderr. With --follow it goes on "
            "with the lines that come, until Ctrl-C.",
        ),
        0,
        0,
        (
            Option("--follow", None, "Go on with those that come."),
            Option("--level", "LEVEL", "This one and all that is graver: debug, info, warning or error."),
            Option("--text", "TEXT", "Only lines that have this in them, in whatever letters."),
            Option("--limit", "N", "At most so many, the latest. Without it: 1000."),
            JSON,
            CONFIG,
        ),
        ("edge log --level warning",),
    ),
    Command(
        "board",
        "[--check FOLDER | --set-clock] [--json] [--config FILE]",
        "say which board this machine is and what of it is missing; check a board's profile",
        (
            "Says which of the boards (boards/README.md) this machine is, by what was known, and which of the things "
            "that its profile promises are not here. Exits with 1 when something is missing, or no board fits. No box "
            "has to run.",
            "--set-clock is for the start of a machine whose clock stands still while it is off: where the clock shows "
            "less than the box last saved, it is set forward to that. Only root may.",
        ),
        0,
        0,
        (
            Option("--check", "FOLDER", "Check the profile in this folder, and say every mistake with its line."),
            Option("--set-clock", None, "Set the clock forward to the time that was saved, if it shows less."),
            JSON,
            CONFIG,
        ),
        ("edge board", "edge board --check boards/pi-4"),
    ),
    Command(
        "bundle",
        "FILE [--config FILE]",
        "write the support bundle: how the box is and was, without patients and secrets",
        (
            "Writes a zip with the version, the configuration without secrets, state, alerts, events, the log, and "
            "what the machine says of itself. It has nothing of a patient or study in it; UIDs are replaced by hashes. "
            "AE titles and addresses of devices are in it. FILE must not be there yet; - stands for stdout.",
        ),
        1,
        1,
        (CONFIG,),
        ("edge bundle support.zip",),
    ),
)
