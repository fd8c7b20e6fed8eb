"""A destination of kind "dicom" asked for what it has: studies found, and fetched with all their objects.

    archive = Archive(settings, destination, spool, awaited)
    for study in archive.studies({query.PATIENT_ID: "4711"}): ...
    for progress in archive.fetch(study UID): ...         # Progress; the generator closed: C-CANCEL, then release

What came is held against what the archive says it has (C-FIND), never against its counters alone: those are its word.
"""

import time
from collections import namedtuple

from edge.box import admission
from edge.dicom import syntax, uid
from edge.net import outbound
from edge.net.fetching import Taker, associate
from edge.protocol import contexts, query
from edge.spool.errors import Mismatch
from edge.spool.intake import Has, Source
from edge.ways import targets

STUDIES_LIMIT = 200  # that one question may have for an answer
INSTANCES_LIMIT = 50000  # of one study
_SERIES_LIMIT = 5000
_LINGER_S = 10  # how long objects may come behind the archive's last word
_ROW_S = 0.5

_OTHER_SYNTAXES = tuple([each for each in syntax.table() if each not in query.SYNTAXES])
_COMMON = tuple(["1.2.840.10008.5.1.4.1.1." + each for each in (
    "1 1.1 1.1.1 1.2 1.2.1 1.3 2 2.1 3.1 4 4.1 6.1 6.2 7 7.1 7.2 7.3 7.4 9.1.1 9.1.2 9.1.3 11.1 12.1 12.2 13.1.3 20"
    " 66 66.1 66.4 67 77.1.1 77.1.2 77.1.4 77.1.5.1 88.11 88.22 88.33 88.59 88.67 104.1 128 130 481.1 481.2 481.3 481.5"
).split()])  # fmt: skip

# How far it is. total: objects of the study as the archive lists them, None where it does not; done: of them, taken,
# known: new here, and here before; failed: what the archive or this box refused; remaining: as the archive says
Progress = namedtuple("Progress", "way total taken known failed remaining")
# What it came to. missing: objects that the archive lists and that are not here; error: words, None where all is well
Outcome = namedtuple("Outcome", "way total taken known failed missing error")


class CannotFetch(Exception):
    """The archive cannot be asked, or gives nothing; str() says why, and what to do."""


class Archive:
    """The archive behind a config.Destination.

    awaited: awaited.Awaited of the running box, None where none runs, and only C-GET is possible; router: function of
    intake.Facts, where objects go that are to be treated as received, None to have them go nowhere.
    """

    def __init__(self, settings, destination, spool, awaited=None, router=None):
        if destination.kind != "dicom":
            words = "%s is of kind %s: only one of kind dicom can be asked for objects"
            raise CannotFetch(words % (destination.name, destination.kind))
        if destination.retrieve == "off":
            raise CannotFetch('nothing is fetched from %s: its `retrieve` is "off"' % destination.name)
        self._settings = settings
        self._name = destination.name
        self._destination = destination
        self._spool = spool
        self._awaited = awaited
        self._router = router
        self._ours = destination.calling_ae_title or settings.box.ae_title
        same = [each.name for each in settings.destinations if _place(each) == _place(destination)]
        self._names = frozenset(same)  # under which the archive is known here: a route to any leads back to it
        self._link = None

    # What there is

    def studies(self, keys, limit=STUDIES_LIMIT):
        """Return a list of {tag: str}, the studies that match `keys` ({tag of query: str}), each once."""
        asked = (
            query.STUDY_UID, query.PATIENT_ID, query.PATIENT_NAME, query.ACCESSION, query.STUDY_DATE,
            query.DESCRIPTION, query.MODALITIES, query.STUDY_INSTANCES,
        )  # fmt: skip
        found = {}
        with self._asking() as link:
            for each in self._find(link, query.STUDY, {**dict.fromkeys(asked), **keys}, limit):
                same = all([each.get(tag, "").casefold() == value.casefold() for tag, value in keys.items()])
                if same and uid.is_tolerable(each.get(query.STUDY_UID, "")):
                    found.setdefault(each[query.STUDY_UID], each)
        return list(found.values())

    def instances(self, study):
        """Return {SOP Instance UID: SOP Class UID or ""} of a study; None where the archive does not answer that."""
        with self._asking() as link:
            if not link.takes(query.FIND):
                return None
            keys = {query.STUDY_UID: study, query.SERIES_UID: None}
            series = [each.get(query.SERIES_UID) for each in self._find(link, query.SERIES, keys, _SERIES_LIMIT)]
            found = {}
            for one in dict.fromkeys(series):
                if one:
                    keys = {query.STUDY_UID: study, query.SERIES_UID: one, query.SOP_INSTANCE: None}
                    keys[query.SOP_CLASS] = None
                    for each in self._find(link, query.IMAGE, keys, INSTANCES_LIMIT - len(found)):
                        if each.get(query.SOP_INSTANCE):
                            found[each[query.SOP_INSTANCE]] = each.get(query.SOP_CLASS, "")
        return found

    def _asking(self):
        return _Open(self, [(query.FIND, query.SYNTAXES)], None)

    def _find(self, link, level, keys, limit):
        """Yield each match; CannotFetch where the archive says no, or has more than `limit`."""
        if not link.takes(query.FIND):
            raise CannotFetch("%s takes no C-FIND (Study Root); name the study with --study" % self._name)
        link.ask(query.FIND, query.find, level, keys)
        count = 0
        for got in link.answers():
            if got is None:
                continue
            answer, match = got
            if query.is_pending(answer.status):
                count += 1
                if count > limit:
                    link.cancel()
                    raise CannotFetch("%s has more than %d matches; ask for less" % (self._name, limit))
                yield match
            elif answer.status:
                raise CannotFetch("%s answered C-FIND: %s" % (self._name, query.words(answer.status)))

    # What is fetched

    def fetch(self, study):
        """Fetch all objects of a study; yield Progress, return the Outcome. Closed before its end, it cancels."""
        way = self._destination.retrieve
        try:
            listed = self.instances(study)
        except CannotFetch:
            listed = None  # it may send all the same
        if listed is not None and not listed:
            raise CannotFetch("%s has no study %s" % (self._name, study))
        if way in ("auto", "get"):
            link = self._open_get(study, listed)
            if link is not None:
                return (yield from self._get(link, study, listed))
            if way == "get":
                words = "%s takes no C-GET, or does not let the box be the provider of storage on it; with retrieve ="
                raise CannotFetch((words + ' "move" it is asked by C-MOVE') % self._name)
        if self._awaited is None:
            words = "%s sends objects by C-MOVE alone, for which the box has to run: start it with `edge serve`"
            raise CannotFetch(words % self._name)
        return (yield from self._move(study, listed))

    def _route(self, study):
        """Return the route of what comes on our own association."""

        def route(facts):
            if facts.study != study:
                raise Mismatch("an object of another study than was asked for")
            return self._to(facts, self._router)

        return route

    def _to(self, facts, router):
        """Say where an object goes: nowhere, as a rule; that which it came from has it."""
        has = Has(self._name, "fetched from it")
        if self._router is None:
            return [has]
        answer = router(facts)
        if isinstance(answer, str):
            return answer
        return [each for each in answer if (each if isinstance(each, str) else each[0]) not in self._names] + [has]

    def _open_get(self, study, listed):
        destination = self._destination
        address = "fetched from " + self._name if self._router is None else destination.host
        source = Source(destination.ae_title, self._ours, address)
        limit = self._settings.limits.object_bytes
        taker = Taker(self._spool.intake, source, self._route(study), limit)
        link = self._associate(_wanted(listed), taker)
        if link.takes(query.GET) and link.may_take():
            return link
        link.release()
        return None

    def _get(self, link, study, listed):
        taker = link.taker
        total = None if listed is None else len(listed)
        answer = None
        told = 0.0
        try:
            link.ask(query.GET, query.get, query.STUDY, {query.STUDY_UID: study})
            for got in link.answers():
                answer = answer if got is None else got[0]
                if time.monotonic() - told >= _ROW_S:
                    told = time.monotonic()
                    yield Progress("get", total, taker.taken, taker.known, taker.refused, _remaining(answer))
        except outbound.LinkFailure as failure:
            return self._outcome("get", listed, taker.taken, taker.known, taker.refused, None, failure.reason)
        finally:
            link.cancel()
        failed = max(taker.refused, answer.counters.failed or 0)
        return self._outcome("get", listed, taker.taken, taker.known, failed, answer, taker.why)

    def _move(self, study, listed):
        before = self._here(study, listed)
        total = None if listed is None else len(listed)
        theirs = self._destination.ae_title
        expected = self._awaited.expect(study, self._ours, theirs, self._to)
        answer, words, told = None, None, 0.0
        link = None
        try:
            link = self._associate([(query.MOVE, query.SYNTAXES)], None)
            if not link.takes(query.MOVE):
                raise CannotFetch("%s takes neither C-GET nor C-MOVE (Study Root)" % self._name)
            ours = self._ours
            link.ask(query.MOVE, lambda number: query.move(number, ours), query.STUDY, {query.STUDY_UID: study})
            for got in link.answers(lambda: expected.came):
                answer = answer if got is None else got[0]
                if time.monotonic() - told >= _ROW_S:
                    told = time.monotonic()
                    failed = 0 if answer is None else answer.counters.failed or 0
                    yield Progress("move", total, expected.came, before, failed, _remaining(answer))
            self._await_the_rest(expected, study, listed, answer)
        except outbound.LinkFailure as failure:
            words = failure.reason
        finally:
            if link is not None:
                link.cancel()
            self._awaited.forget(expected)
        taken = self._here(study, listed) - before
        failed = 0 if answer is None else answer.counters.failed or 0
        if words is None and answer.status == query.UNKNOWN_DESTINATION:
            words = self._unknown_here()
        elif failed and not admission.admits(self._settings.dicom.accept_calling, theirs, self._destination.host):
            words = "accept_calling of [dicom] does not let %s send to this box" % theirs
        return self._outcome("move", listed, taken, before, failed, None if words else answer, words)

    def _await_the_rest(self, expected, study, listed, answer):
        """Wait for what the archive counts as sent and is not here yet."""
        end = time.monotonic() + _LINGER_S
        while listed is not None and not query.meaning(answer.status).verdict == "never":
            here, came = self._here(study, listed), expected.came
            left = end - time.monotonic()
            if left <= 0 or here >= len(listed) - (answer.counters.failed or 0):
                return
            self._awaited.wait(expected, came, min(left, 1))

    def _unknown_here(self):
        dicom = self._settings.dicom
        words = "%s does not know where %s is (A801): enter this box there with AE title %s, its address and port %d"
        return words % (self._name, self._ours, self._ours, dicom.port)

    def _here(self, study, listed):
        """Return how many of the listed objects, or of a study, are in the spool."""
        index = self._spool.index
        if listed is not None:
            return sum([bool(index.find(each)) for each in listed])
        count = after = 0
        while True:
            page = self._spool.objects(after, 500, study=study)
            count += len(page)
            if len(page) < 500:
                return count
            after = page[-1].id

    def _outcome(self, way, listed, taken, known, failed, answer, words):
        """Return the Outcome; answer: the last one, None where `words` say why there is none."""
        index = self._spool.index
        missing = 0 if listed is None else sum([not index.find(each) for each in listed])
        total = None if listed is None else len(listed)
        error = words
        if answer is not None and (answer.status or missing or failed):
            if answer.status:
                error = "%s answered: %s" % (self._name, query.words(answer.status))
                error += "; the last refusal here: " + words if words else ""
            elif words is None:
                error = "%s said that all were sent, and they were not" % self._name
        elif answer is not None and not taken + known:
            error = "%s sent no object of the study" % self._name
        return Outcome(way, total, taken, known, failed, missing, error)

    # Associations

    def _associate(self, wanted, taker):
        destination = self._destination
        terms, tls = targets.terms(destination), targets.tls_client(self._settings, destination)
        peer = destination.host, destination.port, self._ours, destination.ae_title
        return associate(*peer, wanted, terms, tls, taker)


class _Open:
    """An association while the `with` block lasts."""

    def __init__(self, archive, wanted, taker):
        self._make = lambda: archive._associate(wanted, taker)
        self._link = None

    def __enter__(self):
        self._link = self._make()
        return self._link

    def __exit__(self, *exception):
        self._link.cancel()


def _place(destination):
    return destination.kind, destination.host, destination.port, destination.ae_title


def _remaining(answer):
    return None if answer is None else answer.counters.remaining


def _wanted(listed):
    """Return the presentation contexts for a C-GET: each syntax of a class in one of its own, as far as there is room.

    So an archive can send each object as it has it; the uncompressed ones, into which it can turn it, come first.
    """
    classes = [each for each in dict.fromkeys((listed or {}).values()) if uid.is_tolerable(each)] or list(_COMMON)
    wanted = [(query.GET, query.SYNTAXES)]
    for known in (*query.SYNTAXES, *_OTHER_SYNTAXES):
        for sop_class in classes:
            if len(wanted) < contexts.MAXIMUM:
                wanted.append((sop_class, (known,)))
    return wanted
