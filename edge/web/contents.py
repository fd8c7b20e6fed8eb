"""What the console consists of: the files of pages, of which each says what it shows, does and keeps up to date.

A file whose NEEDS name a verb that this box does not have is left out, so that no page is a dead end.
"""

import importlib

from edge.verbs import table

MODULES = (
    "home",
    "studies",
    "viewer",
    "media",
    "queue",
    "associations",
    "destinations",
    "settings",
    "versions",
    "backup",
    "network",
    "update",
    "alerts",
    "storage",
    "logs",
    "people",
    "audit",
)


def load():
    """Return (pages, actions, lives), tuples of page.Page, page.Action and page.Live, in the order of the menu."""
    found = [importlib.import_module("edge.web." + name) for name in MODULES]
    found = [module for module in found if all([verb in table.VERBS for verb in getattr(module, "NEEDS", ())])]
    return (
        tuple([each for module in found for each in module.PAGES]),
        tuple([each for module in found for each in getattr(module, "ACTIONS", ())]),
        tuple([each for module in found for each in getattr(module, "LIVE", ())]),
    )
