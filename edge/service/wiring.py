"""Every room's settings made from the one configuration, and the box put together from its rooms."""

import os

from edge.box import admission, commitment, encryption, relaying, rules
from edge.console import routing
from edge.dicom import uid
from edge.forward import worker
from edge.forward.window import Window
from edge.morph import match
from edge.net import listener, tls, witness
from edge.protocol import association, contexts, echo
from edge.spool import errors
from edge.spool.inflate import inflater
from edge.spool.intake import Source
from edge.ways import targets
from edge.ways.targets import milliseconds


_ASSOCIATION_FILES = 4  # its socket, the object, the folder that is synced, and one to compare with
_UPLOAD_FILES = 4  # its connection, the upload and its notes, and the object that it becomes
_DESTINATION_FILES = 4  # its connection, the object under way, the next one, and a look-up of its name
_OTHER_FILES = 128  # journal, index, folders, the control socket with its conversations, the log


def make_listener(settings, spool, tell=witness.nobody):
    """Return the bound Listener of a config.Config; OSError when its address or port cannot be had.

    tell: function of an event of edge.net.witness.
    """
    router = routing.router(settings)
    spool.intake.look_for(router.wanted)
    return listener.Listener(
        listener_settings(settings),
        spool.intake,
        spool.quota.has_room,
        lambda peer: Source(peer.calling, peer.called, peer.address),
        router,
        make_reports(settings, spool),
        tell,
    )


def make_relay(settings, spool):
    """Return the bound httpd.Server of a config.Config's relay, None when it has none; OSError as make_listener."""
    relay = settings.relay
    if relay.port is None:
        return None
    from edge.net import channel, httpd, tus  # only a relay pays for it

    spool.uploads.keep_s = relay.keep_days * 86400
    spool.uploads.open()
    service = tus.Service(spool.uploads, routing.router(settings), settings.limits.object_bytes)

    def name_of(connected):
        holder = channel.holder_of(connected)
        name = relaying.box_of(relay.boxes, holder)
        if name is None:
            words = "%s (sha256:%s) is not among boxes under [relay]"
            raise httpd.Stranger(words % (holder.subject, holder.fingerprint))
        return name

    terms = httpd.Settings(relay.bind, relay.port, relay.max_connections, settings.limits.per_address)
    server = tls.Server(relaying.server_terms(settings))
    try:
        return httpd.Server(terms, server.context, name_of, service.serve)
    except OSError as error:
        raise listener.CannotListen(error, relay.port) from None


def listener_settings(settings):
    """Return the listener.Settings of a config.Config."""
    dicom = settings.dicom
    callers = dicom.accept_calling
    return listener.Settings(
        address=dicom.bind,
        port=dicom.port if dicom.plain else None,
        called=() if "*" in dicom.called_aliases else (settings.box.ae_title, *dicom.called_aliases),
        admits=lambda calling, address: admission.admits(callers, calling, address),
        knows=lambda address: admission.knows(callers, address),
        policy=policy(dicom),
        max_associations=dicom.max_associations,
        per_address=settings.limits.per_address,
        object_limit=settings.limits.object_bytes,
        limits=association.DEFAULT_LIMITS._replace(
            max_pdu_bytes=dicom.max_pdu_bytes,
            artim_ms=milliseconds(dicom.artim_s),
            idle_ms=milliseconds(dicom.idle_timeout_s),
            pdu_ms=milliseconds(dicom.pdu_s),
        ),
        drain_ms=milliseconds(dicom.drain_s),
        manner_of=_manners(settings),
        tls_port=dicom.tls_port,
        server=None if dicom.tls_port is None else tls.Server(encryption.server_terms(settings)),
        keeps=encryption.keeper(settings.tls.titles),
    )


def _manners(settings):
    """Return the function of (calling AE title, address) that says how a device is met, by the [[modality]] tables."""
    known = []
    for each in settings.modalities:
        taken = settings.dicom
        if each.transfer_syntaxes:
            taken = taken._replace(transfer_syntaxes=each.transfer_syntaxes, other_transfer_syntaxes=False)
        known.append((rules.device(each), listener.Manner(each.called, policy(taken), each.max_pdu_bytes)))

    def manner_of(calling, address):
        scene = match.Scene(calling, "", address, "", {}, True, None)
        for conditions, manner in known:
            if match.holds(conditions, scene):
                return manner
        return None

    return manner_of


def policy(dicom):
    """Return the contexts.Policy of the [dicom] settings.

    What no setting narrows is taken by what it is not: private and unknown storage classes cannot be listed, so that
    every abstract syntax counts as storage that is not known to be something else.
    """
    if dicom.storage_sop_classes:
        taken = frozenset((*dicom.storage_sop_classes, echo.SOP_CLASS))
        takes = taken.__contains__
    else:
        takes = _may_be_storage
    preference = dicom.transfer_syntaxes
    if dicom.other_transfer_syntaxes or not preference:
        preference += tuple([each for each in contexts.PREFERENCE if each not in preference])
    return contexts.Policy(takes, preference, dicom.other_transfer_syntaxes)


def _may_be_storage(sop_class):
    return sop_class == echo.SOP_CLASS or uid.is_storage(sop_class) or uid.name(sop_class) == sop_class


def descriptors(settings):
    """Return how many files and sockets a box with a config.Config may have open at a time."""
    return (
        _ASSOCIATION_FILES * settings.dicom.max_associations
        + listener.HALF_OPEN_LIMIT
        + _DESTINATION_FILES * sum([each.associations for each in settings.destinations])
        + (_UPLOAD_FILES * settings.relay.max_connections if settings.relay.port is not None else 0)
        + _OTHER_FILES
    )


def make_workers(settings, spool, tell=witness.nobody):
    """Return a Worker for each destination, not started. tell: function of an event of edge.net.witness."""
    return [make_worker(settings, spool, each, tell) for each in settings.destinations]


def make_worker(settings, spool, destination, tell=witness.nobody):
    """Return the Worker of one config.Destination."""
    ways = targets.make(settings, destination, make_stages(settings, destination))
    schedules = worker.schedules(destination.retry_first_s, destination.retry_cap_s, destination.attempts)
    opening = Window(destination.hours, destination.weekdays)
    return worker.Worker(
        spool, destination.name, ways, *schedules, opening, destination.linger_s, commits=destination.commitment,
        tell=tell,
    )  # fmt: skip


def make_reports(settings, spool):
    """Return the report.Reports of the destinations that have to commit to what they were sent; None without any."""
    answering = {}
    for each in settings.destinations:
        if each.commitment:
            answering.setdefault(commitment.provider(each).ae_title, []).append(each.name)
    if not answering:
        return None
    from edge.net import report  # only a box that asks for commitment pays for it

    return report.Reports(spool.commitments, answering, spool.now)


def make_committers(settings, spool):
    """Return a Committer for each destination that has to commit to what it was sent, not started.

    What was sent to one that does not have to any more counts as delivered.
    """
    reports = make_reports(settings, spool)
    counts = spool.jobs.counts()
    found = []
    for each in settings.destinations:
        if each.commitment:
            found.append(_make_committer(settings, spool, each, reports))
        elif each.name in counts and counts[each.name]["sent"][0]:
            spool.commitments.wave_through(each.name, spool.now())
    return found


def _make_committer(settings, spool, destination, reports):
    from edge.forward.commitment import Committer, Provider

    title, host, port = commitment.provider(destination)
    calling = destination.calling_ae_title or settings.box.ae_title
    times = destination.commitment_wait_s, destination.commitment_linger_s
    how = targets.terms(destination), targets.tls_client(settings, destination)
    schedules = worker.schedules(destination.retry_first_s, destination.retry_cap_s, destination.commitment_tries)
    who = Provider(host, port, title, calling, *how, *times)
    return Committer(spool, destination.name, who, reports, *schedules)


def make_stages(settings, destination):
    """Return what the objects for a config.Destination are changed by on their way out; Degraded without its key."""
    stages = []
    for each in settings.identities:
        if destination.name in each.to:
            stages.append(_identity(each))
    wanted = [rules.character_set(each) for each in settings.modalities if each.character_set is not None]
    wanted += [rules.change(each) for each in settings.changes if destination.name in each.to]
    if wanted:
        from edge.morph import change  # only a box that changes something pays for it

        stages.append(change.Changes(wanted, settings.box.ae_title, inflater))
    return tuple(stages)


def _identity(settings):
    """Return the identity.Identity of a config.Deidentify; Degraded, in words, when its key cannot be used."""
    from edge.morph import identity, profile, pseudonym  # only a box that has to pays for it

    path = settings.key_file
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o007:
                raise ValueError("anybody on this machine can get at it; chmod 600 it")
            key = pseudonym.Key(file.read().strip())
    except OSError as error:
        raise _no_key(path, error.strerror.lower()) from None
    except ValueError as error:
        raise _no_key(path, error) from None
    safe = tuple([each.steps[0] for each in settings.safe_private])
    return identity.Identity(profile.Profile(key, settings.options, safe, settings.burned_in == "send"), inflater)


def _no_key(path, why):
    words = "the key for de-identification, %s, cannot be used: %s; `head -c 32 /dev/urandom | base64 > FILE` makes one"
    return errors.Degraded(words % (path, why))
