"""What the console consists of: the files of pages, of which each says what it shows, does and keeps up to date."""

import importlib

MODULES = (
    "home",
    "queue",
    "associations",
    "destinations",
    "settings",
    "versions",
    "alerts",
    "storage",
    "logs",
    "people",
    "audit",
)


def load():
    """Return (pages, actions, lives), tuples of page.Page, page.Action and page.Live, in the order of the menu."""
    found = [importlib.import_module("edge.web." + name) for name in MODULES]
    return (
        tuple([each for module in found for each in module.PAGES]),
        tuple([each for module in found for each in getattr(module, "ACTIONS", ())]),
        tuple([each for module in found for each in getattr(module, "LIVE", ())]),
    )
