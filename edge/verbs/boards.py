"""The verb on the machine below the box: which board it is, and what of it is missing."""

from edge.verbs.verb import VIEWER, Verb

BOARD = {
    "name": "text?",
    "title": "text?",
    "tier": "text?",
    "arch": "text?",
    "model": "text",
    "how": "text",
    "mistakes": ["text"],
    "notes": ["text"],
    "parts": [{"name": "text", "is_there": "truth?", "words": "text"}],
    "missing": "number",
}


def told(settings, root="/"):
    """Return what there is to say of the board, by a config.Config. root: where the kernel's files are."""
    from edge.board import detect, lines  # only who asks for it pays for it

    found = detect.found(root, settings.board.profile)
    board = found.profile
    parts = [] if board is None else detect.parts(board, root, _chips(lines, root))
    return {
        "name": found.name,
        "title": board and board.board.name,
        "tier": board and board.board.tier,
        "arch": board and board.board.arch,
        "model": found.model,
        "how": found.how,
        "mistakes": list(found.mistakes),
        "notes": [] if board is None else list(board.board.notes),
        "parts": [each._asdict() for each in parts],
        "missing": sum([each.is_there is False for each in parts]),
    }


def _chips(lines, root):
    """Return the GPIO chips; None where there are some, and this user may ask none of them."""
    found = lines.chips(root)
    return found if found or not lines.are_there(root) else None


def board(box, request, who):
    """Return which board the box runs on, and what of its profile was found."""
    return told(box.config)
    yield  # a verb without rows is a generator all the same


VERBS = (Verb("board", "say which board the box runs on, and what of it is missing", board, VIEWER, (), None, BOARD),)
