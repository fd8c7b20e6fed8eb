"""The table of commands: what there is to type, and what the help says about it."""

from edge.console import appliance_commands, kept_commands, media_commands, update_commands, watch_commands
from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

# Exit codes: every one there is
DONE, FAILED, MISUSED, MISCONFIGURED, IN_USE = 0, 1, 2, 3, 4
INTERRUPTED = 130
EXIT_CODES = (
    (DONE, "done"),
    (FAILED, "not done, or not all of it; stderr says why and what to do"),
    (MISUSED, "the command line was not understood"),
    (MISCONFIGURED, "the configuration cannot be read or has mistakes; all of them are on stderr"),
    (IN_USE, "another edge works on the same state folder"),
    (INTERRUPTED, "stopped at once by a second Ctrl-C; 143: by a second SIGTERM"),
)

INTRO = """\
usage: edge COMMAND [ARGUMENT...] [--config FILE]

Receive DICOM objects from a modality, keep them safe, and forward them to every destination."""

OUTRO = "exit codes:\n%s\n\n`edge COMMAND --help` says more about each." % "\n".join(
    ["  %3d  %s" % each for each in EXIT_CODES]
)

COMMANDS = (
    Command(
        "serve",
        "[--config FILE]",
        "run the box: receive, keep, forward",
        (
            "Runs until SIGTERM or Ctrl-C. It prints where to send and where objects lie, then a line that starts with "
            "`ready`. The log goes to stderr.",
            "When told to stop it takes no new associations, lets those under way finish for as long as `drain_s` "
            "says, and exits with 0. Told a second time, it ends at once; nothing acknowledged is lost either way.",
        ),
        0,
        0,
        (CONFIG,),
        ("edge serve --config /etc/edge/edge.toml",),
    ),
    Command(
        "send",
        "DESTINATION PATH... [--json] [--config FILE]",
        "queue files or folders for a destination",
        (
            "Takes DICOM files, and those in folders and the folders below them, into the box and queues them for "
            "DESTINATION, a name in the configuration. Each is copied and made durable before the next one is looked "
            "at. What is no DICOM object is left out, and said.",
            "With the box running, its files go to it; without, they wait in the state folder for its next start.",
        ),
        2,
        None,
        (JSON, CONFIG),
        ("edge send archive study/ image.dcm",),
    ),
    Command(
        "queue",
        "[--destination NAME] [--state STATE] [--all] [--json] [--config FILE]",
        "list what waits for which destination, and why",
        (
            "Lists jobs: one object on its way to one destination. Those that were delivered are only counted, unless "
            "they are asked for.",
        ),
        0,
        0,
        (
            Option("--destination", "NAME", "Only those for this destination."),
            Option("--state", "STATE", "Only those waiting (with those being sent), sent, held or delivered."),
            Option("--all", None, "Those that were delivered, too; --json always has them."),
            JSON,
            CONFIG,
        ),
        ("edge queue", "edge queue --state held --json"),
    ),
    Command(
        "objects",
        "[--json] [--config FILE]",
        "list what the box keeps",
        ("Lists every object the box keeps, the oldest first, with those that are held and why.",),
        0,
        0,
        (JSON, CONFIG),
        ("edge objects",),
    ),
    Command(
        "status",
        "[--json] [--config FILE]",
        "say how the box does",
        (
            "Says whether the box runs, what is wrong with it, how much room is left, and how each destination does. "
            "Exits with 1 when something is wrong: held objects and jobs, and jobs whose destination "
            "is gone, count as that.",
        ),
        0,
        0,
        (JSON, CONFIG),
        ("edge status",),
    ),
    *watch_commands.COMMANDS,
    Command(
        "relay",
        "[--json] [--config FILE]",
        "list what other boxes upload to this one, or say how to make it a relay",
        (
            "A box with a port under [relay] is a relay: other boxes, which have a [[destination]] of the kind relay, "
            "upload objects to it in pieces, and go on where their link was cut. What is complete is routed like "
            "anything else that was received. `edge serve` runs it.",
            "Lists the uploads under way: whose, how much of how much has come, and when it was last heard of. Exits "
            "with 1 where the configuration makes this box no relay, and says how to.",
        ),
        0,
        0,
        (JSON, CONFIG),
        ("edge relay",),
    ),
    Command(
        "release",
        "[--object ID] [--destination NAME] [--cause WORD] [--json] [--config FILE]",
        "let held objects and jobs go again",
        (
            "Without options: every job that is held after too many tries, and every object that no route took and one "
            "takes by now. For those that still none takes, --cause unrouted and --destination name where they go. An "
            "object that is held for other bytes under its UID has to be named, with the ID that `edge objects` shows.",
        ),
        0,
        0,
        (
            Option("--object", "ID", "Only this object and its jobs."),
            Option("--destination", "NAME", "Only jobs for this destination; with --object: send it there."),
            Option("--cause", "WORD", "Only jobs held for this cause, as `edge queue` shows it: C000, no-context, ..."),
            JSON,
            CONFIG,
        ),
        (
            "edge release --destination archive --cause no-context",
            "edge release --object 17 --destination archive",
            "edge release --cause unrouted",
        ),
    ),
    Command(
        "cancel",
        "[--destination NAME] [--object ID] [--to NAME] [--json] [--config FILE]",
        "give up jobs, or send their objects elsewhere",
        (
            "Gives up for good what is not delivered yet: every job for a destination, those of one object, or one "
            "job. It is the way out for jobs of a destination that is not in the configuration any more. The objects "
            "stay; what was delivered nowhere stays until `edge remove`.",
        ),
        0,
        0,
        (
            Option("--destination", "NAME", "Only jobs for this destination, in the configuration or not."),
            Option("--object", "ID", "Only this object's jobs."),
            Option("--to", "NAME", "Queue the objects for this destination first; held objects are left as they are."),
            JSON,
            CONFIG,
        ),
        ("edge cancel --destination old --to archive", "edge cancel --object 17 --destination archive"),
    ),
    *kept_commands.COMMANDS,
    *media_commands.COMMANDS,
    Command(
        "remove",
        "--object ID [--yes] [--json] [--config FILE]",
        "remove an object for good",
        (
            "Removes an object, its file and its jobs, delivered or not. Without --yes it only says what would be "
            "lost, and exits with 1.",
        ),
        0,
        0,
        (
            Option("--object", "ID", "The object, by the number that `edge objects` shows as id."),
            Option("--yes", None, "Do it."),
            JSON,
            CONFIG,
        ),
        ("edge remove --object 17 --yes",),
    ),
    Command(
        "echo",
        "HOST PORT | NAME [--called AE] [--calling AE] [--tls] [--json] [--config FILE]",
        "ask another DICOM device whether it answers",
        (
            "Opens an association, sends C-ECHO and says what came back, or which layer failed: the name, the "
            "connection, TLS, the association or the answer. Of a destination of another kind it says whether objects "
            "could be delivered there.",
        ),
        1,
        2,
        (
            Option("--called", "AE", "The AE title to call; ANY-SCP for a HOST PORT without it."),
            Option("--calling", "AE", "The AE title to call ourselves; without it the one of [box]."),
            Option("--tls", None, "Encrypt the connection to HOST PORT, as [tls] says; for NAME its table does."),
            JSON,
            CONFIG,
        ),
        ("edge echo 10.0.0.9 104 --called PACS", "edge echo archive"),
    ),
    Command(
        "test",
        "NAME [--json] [--config FILE]",
        "test the way to a destination, layer by layer",
        (
            "Tries one layer after the other and prints each as it has been tried: the name, a ping, the connection, "
            "TLS, the association and C-ECHO, or what the destination's kind has instead. Says which layer fails, and "
            "what to do about it. Nothing is sent there.",
        ),
        1,
        1,
        (JSON, CONFIG),
        ("edge test archive",),
    ),
    Command(
        "progress",
        "[--json] [--config FILE]",
        "say what is being sent, how fast, and how long it will take",
        ("Lists each object that is on its way: how much of it has arrived, at which rate, and the time left.",),
        0,
        0,
        (JSON, CONFIG),
        ("edge progress",),
    ),
    Command(
        "prioritise",
        "PRIORITY [--object ID] [--destination NAME] [--json] [--config FILE]",
        "let jobs go before or behind others",
        ("PRIORITY is urgent, normal or low. It counts for what waits now, not for what comes later.",),
        1,
        1,
        (
            Option("--object", "ID", "Only this object's jobs, by the number that `edge objects` shows as id."),
            Option("--destination", "NAME", "Only jobs for this destination."),
            JSON,
            CONFIG,
        ),
        ("edge prioritise urgent --object 17",),
    ),
    Command(
        "route",
        "FILE... [--from AE] [--called AE] [--ip IP] [--at TIME] [--json] [--config FILE]",
        "say which routes apply to files, and why",
        (
            "Holds DICOM files against the [[route]]s of the configuration, as if they had just been received: which "
            "apply and which do not, each condition with what was found, and where the object would go. Nothing is "
            "taken in or sent. What is printed may be a patient's data.",
        ),
        1,
        None,
        (
            Option("--from", "AE", "The AE title that sends; without it, the one that the file names, if any."),
            Option("--called", "AE", "The AE title that it calls; without it, the one of [box]."),
            Option("--ip", "IP", "The address that it has; without it 127.0.0.1."),
            Option("--at", "TIME", 'When it comes, "2026-11-23 18:30"; without it now.'),
            JSON,
            CONFIG,
        ),
        ("edge route image.dcm", 'edge route image.dcm --from CT1 --at "2026-11-22 03:00"'),
    ),
    Command(
        "dump",
        "FILE [--config FILE]",
        "print a data set",
        (
            "Prints every element of a DICOM file, well-formed or not, and what had to be tolerated to read it. A file "
            "of any size is read in the same small memory.",
        ),
        1,
        1,
        (CONFIG,),
        ("edge dump image.dcm | less",),
    ),
    Command(
        "transcode",
        "IN OUT --to NAME [--near N] [--threads N] [--json] [--config FILE]",
        "turn files into another transfer syntax",
        (
            "Writes the DICOM file IN to OUT in another transfer syntax: compressed, decompressed or re-encoded. Of a "
            "folder, every DICOM file below it, into the same places below OUT; objects without pixels are copied as "
            "they are. Nothing is overwritten; a file that cannot be transcoded is named with the reason, and the "
            "others go on.",
            "NAME is one that `edge codecs` shows as written here. What loses nothing keeps its SOP Instance UID. "
            "jpeg-ls-near and htj2k-203 lose something and make a new object, which says what it was derived from. "
            "A file of any length is done in the memory of a few frames.",
        ),
        2,
        2,
        (
            Option("--to", "NAME", "The transfer syntax: explicit, implicit, deflated, rle, jpeg-ls and so on."),
            Option("--near", "N", "With jpeg-ls-near: how far a sample may be off, 1 to 255; 2 if nothing is said."),
            Option("--threads", "N", "How many frames to code at a time; without it, one a processor."),
            JSON,
            CONFIG,
        ),
        ("edge transcode ct.dcm ct-small.dcm --to jpeg-ls", "edge transcode study/ plain/ --to explicit"),
    ),
    Command(
        "codecs",
        "[--json] [--config FILE]",
        "list the transfer syntaxes that can be read and written here",
        ("Lists each transfer syntax by its short name: what can be done, by which library, or why it is missing.",),
        0,
        0,
        (JSON, CONFIG),
        ("edge codecs",),
    ),
    Command(
        "check-config",
        "[FILE] [--reference] [--json] [--config FILE]",
        "check a configuration, and say every mistake in it",
        ("Checks FILE (or the one that --config names) and reports every mistake with its line, key, and cure.",),
        0,
        1,
        (
            Option("--reference", None, "Print every key with its meaning and default, as a file to start from."),
            JSON,
            CONFIG,
        ),
        ("edge check-config edge.toml", "edge check-config --reference > edge.toml"),
    ),
    Command(
        "settings",
        "[KEY] [--json] [--config FILE]\n"
        "       edge settings [--set KEY=VALUE] [--unset KEY] [--add TABLE] [--remove TABLE] [--check]\n"
        "       edge settings --confirm | --revert | --reload | --history | --difference ID |\n"
        "       --restore ID [--within S]",
        "show and change the configuration",
        (
            "Lists every key, or one with its meaning, or those that begin with KEY: dicom, destination.archive. "
            "Tables without a name go by their number: route.2.to.",
            "A change is checked, written into the file, where all else stays as it was, and applied to the box that "
            "runs. There it is on trial: unless it is confirmed within 120 s, it goes back by itself. Without a box "
            "it is checked and written, and counts from the next start on. --set, --unset, --add and --remove may be "
            "given more than once and go together, as one change.",
        ),
        0,
        1,
        (
            Option("--set", "KEY=VALUE", "Give a key a value, as in the file or without quotes.", True),
            Option("--unset", "KEY", "Take a key out, so that its default counts.", True),
            Option("--add", "TABLE", "Add a table: destination.NAME, or route; it is the last one.", True),
            Option("--remove", "TABLE", "Remove a table: destination.NAME, or route.NUMBER.", True),
            Option("--check", None, "With these: only say what would change, and what would be wrong."),
            Option("--within", "S", "How long the change is on trial, 10 to 3600; 0: it stays at once."),
            Option("--confirm", None, "Let the change that is on trial stay."),
            Option("--revert", None, "Put back what was before it, now."),
            Option("--reload", None, "Take in what was written into the file by hand while the box ran."),
            Option("--history", None, "List the last 50 versions: when, by whom, what."),
            Option("--difference", "ID", "Show what a version changed."),
            Option("--restore", "ID", "Make a version the configuration again."),
            JSON,
            CONFIG,
        ),
        (
            "edge settings dicom.port",
            "edge settings --set dicom.port=104 --set dicom.accept_calling=CT1,MR1",
            "edge settings --add route --set route.1.to=archive --check",
            "edge settings --confirm",
        ),
    ),
    Command(
        "backup",
        "FILE [--passphrase-file FILE] [--config FILE]",
        "write the configuration, its files and the users as one sealed file",
        (
            "FILE has the configuration, the certificates, keys, tokens and passwords that it names, and the users, "
            "sealed by a passphrase that is asked for. The objects are not in it. - writes to stdout.",
        ),
        1,
        1,
        (Option("--passphrase-file", "FILE", "The file whose first line is the passphrase."), CONFIG),
        ("edge backup edge-monday.backup",),
    ),
    Command(
        "restore",
        "FILE [--users] [--within S] [--passphrase-file FILE] [--json] [--config FILE]",
        "make the configuration of a backup the box's",
        (
            "Everything in FILE is checked before anything is written. No file is written over: one that is another "
            "here is put below the state folder, and the configuration says so. The change is on trial like one of "
            "`edge settings`.",
        ),
        1,
        1,
        (
            Option("--users", None, "Take the users of the backup, too, on trial as the rest."),
            Option("--within", "S", "How long the change is on trial, 10 to 3600; 0: it stays at once."),
            Option("--passphrase-file", "FILE", "The file whose first line is the passphrase."),
            JSON,
            CONFIG,
        ),
        ("edge restore edge-monday.backup",),
    ),
    Command(
        "setup-file",
        "OUT (--claim-code CODE | --passphrase-file FILE |\n"
        "       --key FILE [--seal-file FILE]) [--network FILE] [--for NAME] [--serial N] [--config FILE]",
        "write a configuration with its files for a USB stick",
        (
            "Makes a setup file of the configuration, on any machine. Under the name edge-setup on a stick it is taken "
            "by a box that believes it: one that nobody has claimed yet, by the claim code on its label; any, by a "
            "passphrase that somebody types in its console; one whose signers (under [setup]) know the key that signed "
            "it. The box leaves word on the stick.",
            "Keys and passwords in it are sealed. Signed with --key, they need --seal-file, which the box has as "
            "passphrase_file under [setup].",
        ),
        1,
        1,
        (
            Option("--claim-code", "CODE", "The code on the label of a box that nobody has claimed."),
            Option("--passphrase-file", "FILE", "The file whose first line is the passphrase."),
            Option("--key", "FILE", "The private key that signs it, in PEM: Ed25519, or EC on P-256."),
            Option("--seal-file", "FILE", "With --key: the file whose first line seals keys and passwords."),
            Option("--network", "FILE", "Settings of an appliance's network, in TOML: tried and kept with the rest."),
            Option("--for", "NAME", "The AE title or host name of the only box that may take it; any without it."),
            Option("--serial", "N", "Its number, above that of the one before; without it, the seconds since 1970."),
            CONFIG,
        ),
        (
            "edge setup-file edge-setup --claim-code ABCDE-FGHJK",
            "edge setup-file edge-setup --key signer.pem --for CT1",
        ),
    ),
    Command(
        "setup",
        "[--take FOLDER [--passphrase-file FILE] [--within S]] [--json] [--config FILE]",
        "list the setup files on sticks, and take one by its passphrase",
        ("Says of each setup file on the sticks of the box that runs whether it was taken, and why not.",),
        0,
        0,
        (
            Option("--take", "FOLDER", "Take the one in this folder, on trial like a change of `edge settings`."),
            Option("--passphrase-file", "FILE", "The file whose first line is the passphrase."),
            Option("--within", "S", "How long the change is on trial, 10 to 3600; 0: it stays at once."),
            JSON,
            CONFIG,
        ),
        ("edge setup", "edge setup --take /media/STICK"),
    ),
    Command(
        "reindex",
        "[--json] [--config FILE]",
        "rebuild the index from the stored files and the journal",
        (
            "The index is a cache of the objects and the journal. This makes it anew: nothing is sent twice for it, "
            "and what is on the disk stays as it is.",
        ),
        0,
        0,
        (JSON, CONFIG),
        ("edge reindex",),
    ),
    Command(
        "console",
        "--tty [--config FILE]",
        "show the menus of the running box on this terminal",
        (
            "The same numbered menus that the box has on its serial line, see [serial]. Whoever may open the control "
            "socket of the box is engineer here. Ctrl-] leaves.",
        ),
        0,
        0,
        (Option("--tty", None, "On this terminal."), CONFIG),
        ("edge console --tty",),
    ),
    *appliance_commands.COMMANDS,
    *update_commands.COMMANDS,
    Command(
        "demo",
        "[--from FOLDER] [--config FILE]",
        "a whole day in a minute, on this machine alone",
        (
            "Simulates a modality, a bad link and an archive around a box of its own, shows what happens, and proves "
            "at the end that every object arrived with identical pixels. It touches no other box.",
        ),
        0,
        0,
        (Option("--from", "FOLDER", "Send the DICOM files in this folder instead of phantoms."), CONFIG),
        ("edge demo", "edge demo --from /media/cdrom"),
    ),
)
