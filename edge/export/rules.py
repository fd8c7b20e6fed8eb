"""Studies exported by themselves, as [[export]] says: each that is finished, once, and those alone that came after it.

What each rule has seen to is kept in a file beside the records: the number up to which all studies are seen to, and
those beyond it. A rule that is changed is a new one.
"""

import hashlib
import json
import os

from edge.access import files
from edge.box import rules
from edge.dicom.errors import DicomError
from edge.export import exports, order
from edge.export.staging import FOLDER
from edge.forward import route
from edge.media.errors import MediaError
from edge.spool import examine, studies
from edge.spool.disk import Disk
from edge.spool.intake import Source, facts

_NAME = "rules"
_SERIES = 50  # of a study that are looked at


class Rules:
    """Has studies exported. exports: exports.Exports; tell: function of (words, level)."""

    def __init__(self, spool, exports, tell=lambda words, level: None):
        self._spool = spool
        self._exports = exports
        self._tell = tell
        self._path = os.path.join(spool.path, FOLDER, _NAME)
        self._disk = Disk()
        try:
            with open(self._path, encoding="utf-8") as file:
                self._kept = json.load(file)  # {rule: {"upto": number, "beyond": [numbers]}}
        except (FileNotFoundError, ValueError):
            self._kept = {}

    def look(self, settings, now):
        """Take on what is due at `now` by the rules of a config.Config; return how many exports that are."""
        keys = [_key(each) for each in settings.exports]
        begun = 0
        before = json.dumps(self._kept)
        self._kept = {key: kept for key, kept in self._kept.items() if key in keys}
        for number, (key, rule) in enumerate(zip(keys, settings.exports), 1):
            kept = self._kept.get(key)
            if kept is None:
                self._kept[key] = {"upto": self._spool.intake.last_id, "beyond": []}
                continue
            found = studies.quiet(self._spool.index, kept["upto"], now - settings.media.quiet_min * 60)
            done = set(kept["beyond"])
            for study, is_quiet in found.items():
                if is_quiet and study not in done:
                    begun += self._see_to(settings, rule, number, key, study)
                    done.add(study)
            left = [study for study in found if study not in done]
            upto = left[0] - 1 if left else max([kept["upto"], *found])
            self._kept[key] = {"upto": upto, "beyond": sorted(each for each in done if each > upto)}
        if json.dumps(self._kept) != before:
            self._save()
        return begun

    def _see_to(self, settings, rule, number, key, study):
        """Take a study on if the rule applies to it; say whether it does."""
        cause = "%s %d" % (key, study)
        if self._exports.has(cause):
            return False  # the box went away before it had written down that it was seen to
        try:
            if not self._applies(rule, study):
                return False
            found = studies.get(self._spool.index, study)
            request = _request(rule, _place(rule.to, study), found)
            made = order.read(request, settings, True)
            file = rule.password_file
            self._exports.add(made, request["to"], "[[export]] %d" % number, cause, password_file=file)
        except (MediaError, DicomError, OSError) as error:
            self._tell("[[export]] %d could not begin the export of a study: %s" % (number, error), "error")
            return False
        return True

    def _applies(self, rule, study):
        """Say whether an object of a study fulfils the conditions of a rule: the first of each series is looked at."""
        asking = route.Router([route.Rule(rules.conditions(rule), ("yes",), None, False)], self._spool.now)
        found = studies.get(self._spool.index, study)
        for series in {each.uid for each in found.series[:_SERIES]} if found else ():
            for stored in studies.objects(self._spool.index, study, series, limit=1):
                fd = self._spool.files.open(stored)
                try:
                    seen = examine.identify(self._disk, fd, asking.wanted)
                finally:
                    os.close(fd)
                source = Source(stored.calling or "", stored.called or "", stored.address or "")
                values = facts(seen.sop_class, seen.sop_instance, seen.transfer_syntax, source, seen.values)
                if not isinstance(asking(values), str):
                    return True
        return False

    def _save(self):
        files.write(self._path, json.dumps(self._kept).encode())


def _key(rule):
    """Return what tells a config.Export from others, the same in every run."""
    return hashlib.sha256(repr(rule).encode("utf-8", "replace")).hexdigest()[:16]


def _request(rule, to, study):
    """Return the request of a config.Export for a studies.Study."""
    found = {
        "to": to, "study": [study.uid], "patient": study.patient_id, "profile": rule.profile,
        "deidentify": rule.deidentify, "viewer": rule.viewer, "sheets": rule.sheets,
    }  # fmt: skip
    if rule.password_file is not None:
        found["password"] = exports.read_password(rule.password_file)
    if rule.receiver:
        found["receivers"] = [order.certificate(path) for path in rule.receiver]
    if rule.receiver or rule.password_file is not None and not to.startswith(order.ZIP):
        found["viewer"] = False  # it would show what is sealed
    return found


def _place(to, study):
    """Return where a study goes: the place itself, or something of its own in the folder that it names."""
    kind, _, path = to.partition(":")
    if kind in (order.BURNER, order.USB):
        return to
    os.makedirs(path, 0o700, exist_ok=True)
    return "%s:%s" % (kind, os.path.join(path, "study-%d" % study))
