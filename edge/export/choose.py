"""Which objects of the spool an export is of, in the order of its volumes: by patient, study, series and number."""

from edge.media.errors import MediaError
from edge.spool import studies

_PAGE = 200


def numbers(index, order):
    """Return the numbers of the studies of an order.Order; MediaError where there are none."""
    found = studies.named(index, order.studies, order.patient, order.since, order.until)
    if not found:
        raise MediaError("no study here is what was asked for: `edge studies` shows those that are here")
    if order.studies:
        known = {studies.get(index, number).uid for number in found}
        missing = [uid for uid in order.studies if uid not in known]
        if missing:
            raise MediaError("no study %s is here: `edge studies` shows those that are" % missing[0][:64])
    return found


def objects(index, number):
    """Yield the StoredObjects of a study, series by series, each in the order of its Instance Numbers."""
    found = studies.get(index, number)
    for series in sorted({each.uid for each in found.series} if found else ()):
        after, rows = 0, []
        while page := studies.objects(index, number, series, after, _PAGE):
            rows += [(rank(each.number), each.id) for each in page]
            after = page[-1].id
        for _, each in sorted(rows):
            yield index.get(each)


def rank(number):
    """Return an Instance Number or Series Number as a number to sort by; what is none comes last."""
    try:
        return int(number)
    except (TypeError, ValueError):
        return 1 << 40
