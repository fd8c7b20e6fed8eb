"""The keys of the tables that are rules: [[route]], [[change]] and [[deidentify]], and of their conditions."""

from edge.box.values import AE_TITLE, HOURS, NETWORK, PATH, PRIVATE, SOP_CLASS, VR, WEEKDAYS, WHERE
from edge.morph import profile
from edge.toml.kinds import FILE, NAME, PATTERN, SCALAR, TRUTH, choice, several
from edge.toml.section import REQUIRED, Section, key

# What an object has to be for a rule to apply; `rules` makes conditions of them
CONDITIONS = (
    key(
        "from",
        several(AE_TITLE, 1),
        (),
        "The calling AE titles that it is for, as patterns: * stands for any characters, ? for one. Without it: "
        "everyone.",
        field="calling",
        example='["CT1", "MR*"]',
    ),
    key("called", several(PATTERN, 1), (), "The AE titles that were called, as patterns.", example='["TEACHING"]'),
    key("address", several(NETWORK, 1), (), "Where the sender is.", example='["10.0.1.0/24"]'),
    key(
        "sop_class",
        several(SOP_CLASS, 1),
        (),
        "The SOP Classes, by UID or name.",
        example='["CT Image Storage", "1.2.840.10008.5.1.4.1.1.4"]',
    ),
    key("modality", several(PATTERN, 1), (), "Modality (0008,0060), as patterns.", example='["CT", "MR"]'),
    key("body_part", several(PATTERN, 1), (), "Body Part Examined (0018,0015), as patterns.", example='["CHEST*"]'),
    key("station", several(PATTERN, 1), (), "Station Name (0008,1010), as patterns.", example='["ROOM?"]'),
    key(
        "where",
        several(WHERE, 1),
        (),
        "What other elements have to be: each a table of a `tag` (as the `tag` of a [[change]], in items too) and one "
        "or more of `is`, `is_not`, `like`, `unlike` (values or patterns, of which one is enough), `present` (true or "
        "false), `at_least`, `at_most` (numbers). All tables have to hold.",
        example='[{ tag = "Rows", at_least = 512 }, { tag = \'(0019,"ACME 1.1",10)\', present = true }]',
    ),
    key(
        "hours", several(HOURS, 1), (), "The times of the day, of the box's clock and zone.", example='["18:00-07:30"]'
    ),
    key("weekdays", several(WEEKDAYS, 1), (), "The days, from midnight to midnight.", example='["mon-fri"]'),
)

ROUTE = Section(
    "route",
    True,
    "Which objects go where; one table for each. A route applies to an object that fulfils all of its conditions; each "
    "is fulfilled by one of the things it lists. An object goes to the destinations of every route that applies, or of "
    "those up to the first `final` one, and is held when none does. `edge route FILE` shows which apply to a file.",
    (
        *CONDITIONS,
        key("to", several(NAME, 1), REQUIRED, "The names of its destinations.", example='["archive"]'),
        key(
            "priority",
            choice("sender", "urgent", "normal", "low"),
            "sender",
            "How urgent its objects are: what the sender says, or one of the others.",
        ),
        key("final", TRUTH, False, "Whether no later route is looked at for an object that this one applies to."),
    ),
)

CHANGE = Section(
    "change",
    True,
    "What is changed in objects on their way to a destination, never in what is stored; one table for each change, "
    "applied in their order. A change applies to objects that fulfil all of its conditions, which are those of a "
    "route. An object whose change would make a value illegal is not sent, but held with the reason.",
    (
        key("for", several(NAME, 1), REQUIRED, "The names of the destinations.", field="to", example='["archive"]'),
        key(
            "tag",
            PATH,
            REQUIRED,
            "The element: a keyword, a number, or a private one by its creator; in the items of a sequence as "
            "SEQUENCE.KEYWORD, in its second item as SEQUENCE[2].KEYWORD, at any depth as **.KEYWORD.",
            example="""'(0019,"ACME 1.1",10)'""",
        ),
        key(
            "do",
            choice("set", "default", "delete", "copy", "replace", "prefix", "suffix"),
            REQUIRED,
            "What is done: set to `value`; the same only where it is absent or empty; delete; copy the element that "
            "`value` names; replace what fits `pattern` by `value`; put `value` before or behind each value.",
            example='"replace"',
        ),
        key("value", several(SCALAR), None, "What it takes; see `do`.", example='""'),
        key(
            "pattern",
            PATTERN,
            None,
            "For replace: a regular expression of Python; `value` may refer to its groups as \\1.",
            example='"^0+"',
        ),
        key("vr", VR, None, "The VR of a private element that is made; without it LO.", example='"LO"'),
        key("record", TRUTH, True, "Whether what it was is put into Original Attributes Sequence (0400,0561)."),
        *CONDITIONS,
    ),
)

DEIDENTIFY = Section(
    "deidentify",
    True,
    "Which destinations get objects de-identified, by the Basic Application Level Confidentiality Profile (PS3.15 E); "
    "what is stored stays as it came. A [[change]] for such a destination is made afterwards. An object that cannot be "
    "made safe is not sent, but held with the reason.",
    (
        key("for", several(NAME, 1), REQUIRED, "The names of the destinations.", field="to", example='["archive"]'),
        key(
            "key_file",
            FILE,
            REQUIRED,
            "The file of the key by which UIDs and patients are mapped and dates shifted, the same wherever it is the "
            "same: at least 16 random octets that nobody else can read. Relative to this file's folder.",
            example='"/etc/edge/research.key"',
        ),
        key(
            "options",
            several(choice(*profile.OPTIONS)),
            (),
            "The profile's options: what is kept, or with clean-descriptors cleaned, instead of left out. "
            "safe-private keeps the private elements of `safe_private`, declared-private also those that the object "
            "says identify nobody (0008,0300), which is for its maker to know.",
            example='["shifted-dates", "device"]',
        ),
        key(
            "safe_private",
            several(PRIVATE),
            (),
            "For the option safe-private: the private elements that are known to identify nobody.",
            example="""['(0019,"ACME 1.1",10)']""",
        ),
        key(
            "burned_in",
            choice("hold", "send"),
            "hold",
            "What happens to pixels of a kind that often has annotation burned in (ultrasound, secondary capture, "
            "visible light) and that do not say they have none. Those that say they have some are always held.",
        ),
    ),
)
