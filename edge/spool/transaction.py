"""All or nothing: what is done to a ledger within a `with` block."""


class Transaction:
    """What is done within it is done as a whole, counts included, or not at all."""

    __slots__ = ("_ledger",)

    def __init__(self, ledger):
        self._ledger = ledger

    def __enter__(self):
        self._ledger.begin()

    def __exit__(self, kind, error, trace):
        if kind is None:
            try:
                self._ledger.commit()
            except BaseException:
                self._ledger.roll_back()
                raise
        else:
            self._ledger.roll_back()
