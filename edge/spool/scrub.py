"""Looks at stored files while there is nothing better to do, before somebody needs one that has rotted."""

_PAGE = 50


class Scrub:
    """Goes round all objects, the oldest first, a bounded stretch at a time."""

    def __init__(self, index, files):
        self._index = index
        self._files = files
        self._after = 0
        self.rounds = 0

    def step(self, octets_limit):
        """Check files of up to about `octets_limit` octets; return (objects checked, those of them that are rotten).

        What is rotten is held and reported. The next step goes on behind the last; after the newest object a new
        round begins with the oldest.
        """
        checked = rotten = octets = 0
        while octets < octets_limit:
            page = self._index.objects(self._after, _PAGE)
            if not page:
                self._after = 0
                self.rounds += 1
                break
            for stored in page:
                try:
                    is_sound = self._files.check(stored)
                except OSError:  # for want of descriptors or memory, say: the next step begins with this one
                    return checked, rotten
                self._after = stored.id
                checked += 1
                octets += stored.size
                if not is_sound:
                    rotten += 1
                if octets >= octets_limit:
                    break
        return checked, rotten
