"""Setup files taken: whether one is believed, and the change that it makes, which nobody is there to confirm.

A file that is believed is a trial like every change, so that a crash or a power cut goes back. It is confirmed when the
box has gone over to it, answers at its ports and reads the file as it was written; otherwise it goes back at once. Who
types a passphrase is there, and confirms it himself.

What was taken last, and what was tried, is a file beside the keeper's: a serial never goes back, and a file on which
the box ended is not tried again before its stick was out.
"""

import json
import logging
import os
import threading
import time
from collections import namedtuple

from edge.access.attempts import Attempts
from edge.box import load
from edge.net import web
from edge.settings import backup, history, keeper, mask, setup, sticks
from edge.settings.sticks import Refused
from edge.spool import writing
from edge.spool.disk import Disk
from edge.steward import client
from edge.steward.errors import StewardError, Unreachable

_log = logging.getLogger("edge.settings")

TAKEN, ON_TRIAL, WAITING, REFUSED = "taken", "on trial", "waiting", "refused"  # what became of a file

_WITHIN_S = 60  # for the box to go over to it, when nobody is there
_RECORD = "setup.json"
_SIGNERS_LIMIT = 64 << 10
_WHO = "(setup)"

# A file that was found. folder: where; mark: of sticks.find; state: one of the above; words: what became of it;
# at: s since 1970; serial: int, None where it is not known; version: of the history that it became, or None
Found = namedtuple("Found", ("folder", "mark", "state", "words", "at", "serial", "version"))


class Taker:
    """Takes setup files for the box of a keeper.Keeper; safe to use from any thread.

    settings: function, the config.Config; claim_code: function, the code of a box that is not claimed yet, or None;
    fault: function, why the box does not answer at its ports, or None; told: function of (folder, state, words, serial)
    that is called when something has become of a file that nobody asked for.
    """

    def __init__(self, kept, settings, claim_code, fault, told, disk=None, now=time.time, clock=time.monotonic):
        self._kept = kept
        self._settings = settings
        self._claim_code = claim_code
        self._fault = fault
        self._told = told
        self._disk = disk or Disk()
        self._now = now
        self._attempts = Attempts(clock)
        self._lock = threading.RLock()
        self._found = {}
        self._path = os.path.join(kept.state_dir, "settings", _RECORD)

    def found(self):
        """Return the Found of every setup file there is, by folder."""
        with self._lock:
            return [self._as_it_went(each) for _, each in sorted(self._found.items())]

    def look(self, there):
        """Take what is new among the files that are `there`, as sticks.find has it."""
        with self._lock:
            for folder in [folder for folder in self._found if folder not in there]:
                del self._found[folder]
                self._let_try_again()
            for folder, mark in there.items():
                if folder not in self._found or self._found[folder].mark != mark:
                    self._found[folder] = self._met(folder, mark)

    def take(self, folder, passphrase, who, where, within_s=keeper.WITHIN_S):
        """Take the sealed file in `folder`, on trial; return (Trial or None, notes, what changed). Raises Refused.

        who: str, who asks; where: the address he asks from.
        """
        with self._lock:
            known = self._found.get(folder)
            if known is None:
                raise Refused("there is no setup file in %s; put the stick in, and look again" % folder)
            octets = sticks.read(folder)
            if setup.kind_of(octets) == setup.SIGNED:
                raise Refused("it is signed, and no passphrase makes it believed; %s" % known.words)
            parcel = self._opened(octets, passphrase, where)
            self._check(parcel)
            network_trial = _try_network(parcel, within_s)
            try:
                trial, notes, changes, _ = self._begin(parcel, octets, who, within_s)
            except Refused:
                _end_network("revert", network_trial)
                raise
            if network_trial is not None:
                notes = [*notes, "the network is on trial, too: keep it on the page Network"]
            state = TAKEN if trial is None else ON_TRIAL
            words = "on trial until %s confirms it" % who if trial else "it was taken by %s" % who
            version = trial and trial.id
            self._found[folder] = known._replace(state=state, words=words, serial=parcel.serial, version=version)
            self._answer(self._found[folder], notes)
            return trial, notes, changes

    def _let_try_again(self):
        """Forget which file was tried, if that has ended."""
        tried, trial = self._record()["tried"], self._kept.trial
        if tried is not None and (trial is None or trial.id != tried["version"]):
            self._write(tried=None)

    # What nobody asked for

    def _met(self, folder, mark):
        """Return the Found of a file that was not here before, once all that can be done about it is done."""
        serial = None

        def found(state, words, version=None):
            return Found(folder, mark, state, words, self._now(), serial, version)

        try:
            octets = sticks.read(folder)
            record, name = self._record(), _name(octets)
            taken, tried = record["taken"], record["tried"]
            if taken is not None and taken["file"] == name:
                serial = taken["serial"]
                return found(TAKEN, "this box took it on %s" % _shown(taken["at"]))
            if tried is not None and tried["file"] == name:
                raise Refused("it was tried, and the box went back to what it was; to try it again, take the stick out")
            parcel = self._believed(octets, folder)
            if parcel is None:
                done = found(WAITING, "it waits for its passphrase: type it in the console, under Backup")
                self._tell(done)
                return done
            serial = parcel.serial
            self._check(parcel)
            notes, version = self._taken(parcel, octets, "setup file in %s" % folder)
            done = found(TAKEN, "it was taken", version)
        except Refused as refused:
            notes, done = (), found(REFUSED, mask.text(str(refused)))
        except Exception as error:
            _log.exception("taking a setup file failed inside this box")
            notes, done = (), found(REFUSED, "the box failed in reading it (%s): see its log" % type(error).__name__)
        self._answer(done, notes)
        self._tell(done)
        return done

    def _believed(self, octets, folder):
        """Return the Parcel of a file that is believed without a person, None where it needs one. Raises Refused."""
        kind = setup.kind_of(octets)
        own = self._settings().setup
        if kind == setup.SIGNED:
            if own.signers is None:
                raise Refused("it is signed, and this box believes no signature: signers under [setup] is not set")
            return setup.verified(octets, _signers(own.signers), _passphrase(own.passphrase_file))
        try:
            code = self._claim_code() if kind == setup.CLAIM_CODE else None
        except OSError as error:
            raise Refused("the claim code of this box cannot be read: %s" % error.strerror.lower()) from None
        if code is not None:
            return self._opened(octets, code, folder)
        if kind == setup.CLAIM_CODE:
            raise Refused("it is sealed by a claim code, and this box is claimed: make one with a passphrase, or sign")
        return None

    def _taken(self, parcel, octets, who):
        """Apply a Parcel and see that the box works by it; return (notes, version). Raises Refused, and all is back."""
        network_trial = _try_network(parcel, _WITHIN_S)
        is_taken = False
        try:
            trial, notes, _, remove = self._begin(parcel, octets, who, _WITHIN_S)
            why = trial and (self._fault() or self._misread())
            if why is None:
                if trial is not None:
                    self._kept.confirm(trial.id, who)
                is_taken = True
                return notes, trial and trial.id
            self._kept.revert("the box does not work by a setup file: %s" % why, trial.id)
            remove()
        except (keeper.Refusal, OSError) as error:
            raise Refused("it was on trial, and could not be confirmed: %s" % error) from None
        finally:
            _end_network("confirm" if is_taken else "revert", network_trial)
        raise Refused("the box did not work by it, so all is as it was: %s" % why)

    def _misread(self):
        """Say what is wrong with the configuration file as it is on the disk now, None when it is as it was written."""
        try:
            if load.load(self._kept.path).text != self._kept.text:
                return "the configuration file is not what was written"
        except load.ConfigError as error:
            return str(error)
        return None

    def _tell(self, done):
        try:
            self._told(done.folder, done.state, done.words, done.serial)
        except Exception:
            _log.exception("what became of a setup file cannot be told")

    # For both

    def _opened(self, octets, secret, where):
        """Return the Parcel of a sealed file; a secret that is wrong too often has to wait."""
        wait_s = self._attempts.wait_s(_WHO, where)
        if wait_s > 0:
            raise Refused("there were too many wrong codes or passphrases; try again in %d s" % (wait_s + 1))
        try:
            parcel = setup.unsealed(octets, secret)
        except setup.Wrong:
            self._attempts.wrong(_WHO, where)
            if setup.kind_of(octets) == setup.CLAIM_CODE:
                raise Refused("it is sealed by another claim code, or it was changed or cut short") from None
            raise Refused("it is sealed by another passphrase, or it was changed or cut short") from None
        self._attempts.right(_WHO, where)
        return parcel

    def _check(self, parcel):
        """Raise Refused for what is for another box, or not newer than what was taken."""
        import socket

        names = [self._settings().box.ae_title, socket.gethostname()]
        if parcel.whose != setup.ANY and parcel.whose.lower() not in [each.lower() for each in names]:
            raise Refused("it is for another box, %s; this one is %s" % (parcel.whose, " or ".join(names)))
        taken = self._record()["taken"]
        if taken is not None and parcel.serial <= taken["serial"]:
            words = "its serial, %d, is not above %d, which this box took on %s; make it anew"
            raise Refused(words % (parcel.serial, taken["serial"], _shown(taken["at"])))

    def _begin(self, parcel, octets, who, within_s):
        """Begin a trial; return (Trial or None, notes, (text before, after), function that removes the files again).

        Raises Refused, and nothing has changed.
        """
        kept, tried = self._kept, self._record()["tried"]
        noted = {"serial": parcel.serial, "file": _name(octets), "at": self._now(), "version": None}
        try:
            plan = backup.plan(parcel.setup, kept, self._disk)
            before = kept.text
            if plan.text == before:
                self._write(taken=noted, tried=None)
                return None, ["the box has this configuration already"], (before, before), None
            remove = backup.put(plan, self._disk)
            self._write(tried=noted)
            try:
                made = time.strftime("%Y-%m-%d %H:%M", time.localtime(parcel.made))
                trial = kept.begin(plan.text, who, "the setup file of %s, serial %d" % (made, parcel.serial), within_s)
            except Exception:
                remove()
                self._write(tried=tried)
                raise
            if trial is None:
                self._write(taken=noted, tried=None)
            else:
                self._write(tried={**noted, "version": trial.id})
        except load.ConfigError as error:
            raise Refused("\n".join(error.lines())) from None
        except (backup.Unusable, keeper.Refusal) as error:
            raise Refused(str(error)) from None
        except OSError as error:
            raise Refused("it cannot be written here: %s" % (error.strerror or str(error)).lower()) from None
        return trial, plan.notes, (before, plan.text), remove

    def _answer(self, done, notes):
        """Leave word on the stick, where it can be written."""
        at, who = _shown(done.at), self._settings().box.ae_title
        lines = ["%s: %s" % (who, at), "%s: %s" % (done.state, done.words), *notes]
        if done.serial is not None:
            lines.append("serial %d" % done.serial)
        sticks.answer(done.folder, "\n".join(lines) + "\n")

    def _as_it_went(self, found):
        """Return a Found whose trial is over as what it came to."""
        if found.state == ON_TRIAL:
            version = self._kept.history.get(found.version)
            if version is not None and version.outcome == history.KEPT:
                return found._replace(state=TAKEN, words="it was taken")
            if version is not None and version.outcome != history.ON_TRIAL:
                return found._replace(state=REFUSED, words="it was on trial, and went back")
        return found

    # What is kept

    def _record(self):
        """Return {"taken": the last one that stayed, "tried": the last one that did not}; each may be None."""
        try:
            octets = writing.read(self._disk, self._path)
            found = {"taken": None, "tried": None, **json.loads(octets or b"{}")}
        except (OSError, ValueError):
            return {"taken": None, "tried": None}
        tried = found["tried"]
        if tried is not None and tried["version"] is not None:
            version = self._kept.history.get(tried["version"])
            if version is None or version.outcome == history.KEPT:
                found = {"taken": tried, "tried": None}
        return found

    def _write(self, **changed):
        octets = json.dumps({**self._record(), **changed}).encode()
        self._disk.make_parents(self._path)
        writing.replace(self._disk, self._path, octets)


def _try_network(parcel, within_s):
    """Have the network of a Parcel tried; return the trial's id, None where it has none. Raises Refused."""
    if parcel.setup.network is None:
        return None
    try:
        return client.answer(
            client.folder(), "network", "apply", settings=parcel.setup.network, within_s=within_s
        )["trial"]  # fmt: skip
    except Unreachable as error:
        raise Refused("it sets the network up, which the box does not do here: %s" % error) from None
    except StewardError as error:
        raise Refused("the network in it: %s" % error) from None


def _end_network(verb, trial):
    if trial is None:
        return
    try:
        client.answer(client.folder(), "network", verb, trial=trial)
    except StewardError as error:
        _log.error("the network of a setup file is left to its trial: %s", error)


def _name(octets):
    import hashlib

    return hashlib.sha256(octets).hexdigest()


def _shown(at):
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def faults(settings):
    """Yield (key, words) for each file that [setup] of a config.Config names and that cannot be used as it is."""
    own = settings.setup
    for name, look in (("signers", _check_signers), ("passphrase_file", _passphrase)):
        path = getattr(own, name)
        try:
            if path is not None:
                look(path)
        except Refused as refused:
            yield "[setup] " + name, str(refused)


def _check_signers(path):
    setup.check_signers(_signers(path))


def _signers(path):
    try:
        with open(path, "rb") as file:
            return file.read(_SIGNERS_LIMIT)
    except OSError as error:
        raise Refused("signers under [setup], %s, cannot be read: %s" % (path, error.strerror.lower())) from None


def _passphrase(path):
    if path is None:
        return None
    try:
        return web.secret(path, "passphrase")
    except web.Failed as failed:
        raise Refused("passphrase_file under [setup]: %s" % failed) from None
