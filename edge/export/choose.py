"""Which objects of the spool an export is of: listed once, on the disk, in the order of its volumes.

By study, series and number. The list is made by whoever has the spool open; the export is made of it, by a process of
its own where a service runs. What comes later is counted at the end, and is not on the volumes.
"""

import json
import os

from edge.media.errors import MediaError
from edge.spool import studies
from edge.spool.tables import StoredObject

_PAGE = 200
_LIST = "CHOSEN"
STAGE = "choosing the objects"


def numbers(index, order):
    """Return the numbers of the studies of an order.Order; MediaError where there are none."""
    found = studies.named(index, order.studies, order.patient, order.since, order.until)
    if not found:
        raise MediaError("no study here is what was asked for: `edge studies` shows those that are here")
    if order.studies:
        missing = absent(index, order.studies)
        if missing:
            raise MediaError("no study %s is here: `edge studies` shows those that are" % missing[0][:64])
    return found


def absent(index, uids):
    """Return those of these Study Instance UIDs of which nothing is here."""
    known = {studies.get(index, number).uid for number in studies.named(index, uids)}
    return [uid for uid in uids if uid not in known]


def objects(index, number):
    """Yield the StoredObjects of a study, series by series, each in the order of its Instance Numbers."""
    found = studies.get(index, number)
    for series in sorted({each.uid for each in found.series} if found else ()):
        after = None
        while page := studies.ordered(index, number, series, after, _PAGE):
            after = page[-1]
            yield from studies.stored(index, page)


class Listing:
    """The objects that were chosen, as they lie listed in a staging folder. Iterate it for StoredObjects.

    count: how many; studies: numbers of the studies; last: the highest number of an object.
    """

    def __init__(self, folder, count=0, numbers_of_studies=(), last=0):
        self._path = os.path.join(folder, _LIST)
        self.count = count
        self.studies = list(numbers_of_studies)
        self.last = last

    def __iter__(self):
        with open(self._path, encoding="utf-8") as file:
            for line in file:
                yield StoredObject._make(json.loads(line))


def listed(index, order, staging, pace):
    """Generator of Progress: list what an order.Order is of; returns the Listing. Its studies are protected from now.

    Of objects with one SOP Instance UID, that one comes first which a person released last.
    """
    found = numbers(index, order)
    staging.protect(found)
    total = sum([each.objects for each in (studies.get(index, number) for number in found) if each])
    count = last = 0
    with open(os.path.join(staging.path, _LIST), "w", encoding="utf-8") as out:
        for number in found:
            twins = studies.twins(index, number)
            for stored in sorted(twins, key=_last_word):
                out.write(json.dumps(stored) + "\n")
            known = {each.id for each in twins}
            for stored in objects(index, number):
                count += 1
                last = max(last, stored.id)
                if stored.id not in known:
                    out.write(json.dumps(stored) + "\n")
                if count % _PAGE == 0:
                    yield pace.at(STAGE, min(count, total), total)
    staging.listing = Listing(staging.path, count, found, last)
    return staging.listing


def _last_word(stored):
    """The order of objects with one UID: what may go before what is held, what came later before what was there."""
    return stored.uid, stored.hold is not None, -stored.copy


def later(index, listing):
    """Return how many objects of its studies have come since a Listing was made."""
    return sum([studies.count_behind(index, number, listing.last) for number in listing.studies])


def rank(number):
    """Return a Series Number as a number to sort by; what is none comes last."""
    try:
        return int(number)
    except (TypeError, ValueError):
        return 1 << 40
