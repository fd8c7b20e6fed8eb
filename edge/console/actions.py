"""What each command does that needs no box: check a configuration, ask a device for an echo, print a data set."""

import sys
import time

from edge.box import config, encryption, load, rules
from edge.console import text
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED, MISCONFIGURED
from edge.toml import reading

_CHUNK_BYTES = 1 << 18


def check_config(asked, path):
    """Check the configuration at `path` (None: the built-in defaults) and say what it comes to, or what is wrong."""
    if "reference" in asked.options:
        from edge.box import reference

        sys.stdout.write(reference.file())
        return DONE
    try:
        loaded = load.load(path)
    except load.ConfigError as error:
        if "json" in asked.options:
            text.print_json({"path": path, "good": False, "mistakes": _mistakes(error.mistakes), "warnings": []})
        else:
            text.warn(*error.lines(), "%s: %s" % (path, text.count(len(error.mistakes), "mistake")))
        return MISCONFIGURED
    files = encryption.troubles(loaded.config, time.time())
    warnings = [*loaded.warnings, *[reading.Mistake(None, "[tls]", each.words) for each in files]]
    warnings += [reading.Mistake(None, key, words) for key, words in _setup_faults(loaded.config)]
    if "json" in asked.options:
        text.print_json({"path": path, "good": True, "mistakes": [], "warnings": _mistakes(warnings)})
        return DONE
    text.say(*["warning: " + reading.say(path, warning) for warning in warnings])
    but = ", but see %s above" % text.count(len(warnings), "warning") if warnings else ""
    text.say("%s: good%s" % (path or "the built-in defaults", but))
    text.say(*["  " + line for line in summary(loaded.config)])
    return DONE


def _setup_faults(settings):
    """Return (key, words) of what is wrong with the files by which setup files are believed, where any is named."""
    if settings.setup.signers is None and settings.setup.passphrase_file is None:
        return ()
    from edge.settings import taking

    return taking.faults(settings)


def _mistakes(mistakes):
    return [{"line": each.line, "key": each.key, "words": each.words} for each in mistakes]


def summary(settings):
    """Return what a config.Config comes to, as lines for a person."""
    dicom = settings.dicom
    callers = [caller.words for caller in dicom.accept_calling]
    lines = [
        "receives  as %s on %s %s, from %s"
        % (
            *(settings.box.ae_title, dicom.bind, encryption.ports(dicom.port if dicom.plain else None, dicom.tls_port)),
            text.listing(callers, "or") or "anyone",
        ),
        "keeps     in %s" % settings.box.state_dir,
    ]
    if settings.relay.port is not None:
        boxes = text.listing(settings.relay.boxes, "or") or "every box with a certificate of the authorities"
        lines.append("relays    on port %d for %s" % (settings.relay.port, boxes))
    for each in settings.destinations:
        lines.append("sends     to %s: %s" % (each.name, config.where(each)))
    for each in settings.routes:
        conditions = [condition.words for condition in rules.conditions(each)]
        lines.append("routes    %s to %s" % (_whose(each.calling, conditions), text.listing(each.to)))
    for each in settings.identities:
        options = " with " + text.listing(each.options) if each.options else ""
        lines.append("hides     who it was for %s%s" % (text.listing(each.to), options))
    for each in settings.changes:
        conditions = [condition.words for condition in rules.conditions(each)]
        when = " when %s" % text.listing(conditions) if conditions else ""
        lines.append("changes   %s (%s) for %s%s" % (each.tag.words, each.do, text.listing(each.to), when))
    for each in settings.modalities:
        lines.append("meets     %s" % text.listing([*each.calling, *map(str, each.address)], "or") + " its own way")
    return lines


def _whose(calling, conditions):
    """Say what a route is for: the callers alone, or every condition it has."""
    if not conditions:
        return "everything"
    if calling and len(conditions) == 1:
        return "what %s sends" % text.listing(calling, "or")
    return "what comes when %s" % text.listing(conditions)


def echo(asked, loaded):
    """Send C-ECHO to what was named and say what came back; see whether another kind can be reached."""
    from edge.net import outbound
    from edge.protocol import status

    target = _echo_target(asked, loaded.config)
    if target.kind != "dicom":
        return _reached(asked, loaded.config, target)
    peer = config.where(target)
    began = time.monotonic()
    try:
        code, encryption_words = _verify(target, _client(target, loaded.config))
    except outbound.LinkFailure as failure:
        reason = failure.reason
        if len(asked.arguments) == 2:  # there is no destination whose configuration could be at fault
            reason = reason.replace(outbound.CHECK_CALLED, "say its AE title with --called")
        if "json" in asked.options:
            text.print_json({"answered": False, "layer": failure.layer, "reason": reason})
        else:
            text.complain("%s did not answer: %s" % (target.ae_title, reason), FAILED)
        return FAILED
    took_ms = round((time.monotonic() - began) * 1000)
    if "json" in asked.options:
        text.print_json({"answered": True, "status": code, "milliseconds": took_ms, "tls": encryption_words or None})
    elif code == status.SUCCESS:
        text.say("%s answered in %d ms%s" % (peer, took_ms, encryption_words and " (%s)" % encryption_words))
    else:
        text.complain("%s answered, but with status %04X: %s" % (peer, code, status.words(code)), FAILED)
    return DONE if code == status.SUCCESS else FAILED


def _reached(asked, settings, destination):
    """Say whether a destination that knows no C-ECHO is there."""
    from edge.forward.target import LinkFailure
    from edge.ways import targets

    began = time.monotonic()
    try:
        targets.reach(settings, destination)
    except LinkFailure as failure:
        if "json" in asked.options:
            text.print_json({"answered": False, "layer": failure.layer, "reason": failure.reason})
        else:
            text.complain("%s cannot be delivered to: %s" % (destination.name, failure.reason), FAILED)
        return FAILED
    took_ms = round((time.monotonic() - began) * 1000)
    if "json" in asked.options:
        text.print_json({"answered": True, "status": None, "milliseconds": took_ms})
    else:
        text.say("%s is there: %s, found in %d ms" % (destination.name, config.where(destination), took_ms))
    return DONE


def _verify(target, client):
    from edge.net import outbound
    from edge.protocol import contexts, echo

    terms = outbound.Terms(
        round(target.connect_timeout_s * 1000), round(target.dimse_timeout_s * 1000), target.max_pdu_bytes
    )
    offered = [(echo.SOP_CLASS, contexts.PREFERENCE[:2])]
    link = outbound.associate(
        target.host, target.port, target.calling_ae_title, target.ae_title, offered, terms, client
    )
    try:
        return link.echo(), link.encryption
    finally:
        link.release()


def _client(target, settings):
    """Return the tls.Client for a config.Destination, None without TLS."""
    from edge.net import tls

    terms = encryption.client_terms(settings, target)
    return None if terms is None else tls.Client(terms)


def _echo_target(asked, settings):
    """Return the config.Destination that the arguments name, or one made of HOST and PORT."""
    if len(asked.arguments) == 2:
        host, port = asked.arguments
        values = {"name": host, "host": host, "ae_title": "ANY-SCP", "port": _port(port), "tls": "tls" in asked.options}
        target = config.build(config.DESTINATION, values)
    else:
        target = named(settings, asked.arguments[0])
        if target.kind != "dicom":
            if "called" in asked.options or "calling" in asked.options:
                words = "%s is of the kind %s, which has no AE titles: leave out --called and --calling"
                raise UsageError(words % (target.name, target.kind))
            return target
    called = asked.options.get("called", target.ae_title)
    calling = asked.options.get("calling", target.calling_ae_title or settings.box.ae_title)
    for option, title in (("--called", called), ("--calling", calling)):
        try:
            config.AE_TITLE.read(title)
        except ValueError as unfit:
            raise UsageError("%s %s: expected %s, but %s" % (option, title, config.AE_TITLE.expected, unfit)) from None
    return target._replace(ae_title=called, calling_ae_title=calling)


def _port(words):
    try:
        port = int(words)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise UsageError("PORT: expected a whole number from 1 to 65535, found %s" % words)
    return port


def named(settings, name):
    """Return the config.Destination called `name`; UsageError, with the names there are, when there is none."""
    found = config.destination(settings, name)
    if found is None:
        known = text.listing([each.name for each in settings.destinations], "or")
        hint = "there is: " + known if known else "the configuration has none; was --config left out?"
        raise UsageError("no destination is called %s; %s" % (name, hint))
    return found


def _chunks(file):
    """Yield views of all that is in `file`; each is good until the next, since there is one window for all of them."""
    window = memoryview(bytearray(_CHUNK_BYTES))
    while True:
        filled = file.readinto(window)
        if not filled:
            return
        yield window[:filled]


def dump(asked):
    """Print the data set in a file, as far as it can be read."""
    from edge.dicom import dump as dumping
    from edge.dicom.errors import DicomError
    from edge.spool.inflate import inflater

    path = asked.arguments[0]
    try:
        with open(path, "rb", buffering=0) as file:
            for line in dumping.lines(_chunks(file), inflater()):
                print(line)
    except DicomError as error:
        return text.complain("%s: %s" % (text.shown(path), error), FAILED)
    except BrokenPipeError:
        raise
    except OSError as error:
        return text.complain("%s cannot be read: %s" % (text.shown(path), error.strerror.lower()), FAILED)
    return DONE
