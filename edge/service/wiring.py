"""Every room's settings made from the one configuration, and the box put together from its rooms."""

from edge.board import progress
from edge.box import admission, commitment, encryption, relaying, rules
from edge.dicom import uid
from edge.forward import worker
from edge.forward.window import Window
from edge.morph import match
from edge.net import listener, manners, tls, witness
from edge.protocol import association, contexts, echo
from edge.spool.intake import Source
from edge.ways import stages, targets
from edge.ways.routes import router
from edge.ways.targets import milliseconds


_ASSOCIATION_FILES = 4  # its socket, the object, the folder that is synced, and one to compare with
_UPLOAD_FILES = 4  # its connection, the upload and its notes, and the object that it becomes
_DESTINATION_FILES = 4  # its connection, the object under way, the next one, and a look-up of its name
# How long a delivery may go on without an octet that moves before this box is held to stand still. What goes over a
# network ends by its own times; a folder of another machine's may wait for as long as that is away.
_PATIENCE_S = {"dicom": 7200.0, "stow": 7200.0, "relay": 7200.0}
_OTHER_FILES = 128  # journal, index, folders, the control socket with its conversations, the log


class Routes:
    """Where objects go, as the configuration has it by now; called, it returns the route.Router."""

    def __init__(self, spool):
        self._spool = spool
        self._wanted = frozenset()
        self._router = None

    def renew(self, settings):
        """Go by the routes of a config.Config, with the next object that begins to come in."""
        made = router(settings)
        self._wanted |= made.wanted  # what was asked before stays: an object may be under way by the routes before
        self._spool.intake.look_for(self._wanted)
        self._router = made

    def __call__(self):
        return self._router


def make_listener(settings, spool, routes, reports=None, tell=witness.nobody, awaited=None,
                  paths=progress.UNASKED):  # fmt: skip
    """Return the bound Listener of a config.Config; doors.CannotListen when its address or port cannot be had.

    routes: Routes; reports: report.Reports, or None; tell: function of an event of edge.net.witness;
    awaited: awaited.Awaited, or None; paths: progress.Progress.
    """
    return listener.Listener(
        listener_settings(settings),
        spool.intake,
        spool.quota.has_room,
        lambda peer: Source(peer.calling, peer.called, peer.address),
        routes,
        reports,
        tell,
        awaited,
        paths,
    )


def make_relay(settings, spool, routes, server, known=()):
    """Return the bound httpd.Server of a config.Config's relay; raises as make_listener.

    server: its tls.Server; known: doors that it replaces. Only for a config.Config that has a relay.
    """
    from edge.net import httpd  # only a relay pays for it

    if spool.uploads.folder_fd is None:
        spool.uploads.open()
    return httpd.Server(*relay_terms(settings, spool, routes, server), known)


def relay_terms(settings, spool, routes, server):
    """Return how the relay of a config.Config meets boxes, as httpd.Server.renew takes it. server: its tls.Server."""
    from edge.net import channel, httpd, tus

    relay = settings.relay
    service = tus.Service(spool.uploads, routes, settings.limits.object_bytes)

    def name_of(connected):
        holder = channel.holder_of(connected)
        name = relaying.box_of(relay.boxes, holder)
        if name is None:
            words = "%s (sha256:%s) is not among boxes under [relay]"
            raise httpd.Stranger(words % (holder.subject, holder.fingerprint))
        return name

    terms = httpd.Settings(relay.bind, relay.port, relay.max_connections, settings.limits.per_address)
    return terms, server.context, name_of, service.serve


def listener_settings(settings, before=None):
    """Return the manners.Settings of a config.Config. before: those in use, which keep their TLS if it is the same."""
    dicom = settings.dicom
    server = None if dicom.tls_port is None else tls.Server(encryption.server_terms(settings))
    if server is not None and before is not None and before.server and before.server.terms == server.terms:
        server = before.server
    callers = dicom.accept_calling
    return manners.Settings(
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
        server=server,
        keeps=encryption.keeper(settings.tls.titles),
    )


def _manners(settings):
    """Return the function of (calling AE title, address) that says how a device is met, by the [[modality]] tables."""
    known = []
    for each in settings.modalities:
        taken = settings.dicom
        if each.transfer_syntaxes:
            taken = taken._replace(transfer_syntaxes=each.transfer_syntaxes, other_transfer_syntaxes=False)
        known.append((rules.device(each), manners.Manner(each.called, policy(taken), each.max_pdu_bytes)))

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
        + (settings.console.max_connections if settings.console.on else 0)
        + _OTHER_FILES
    )


def worker_terms(settings, destination):
    """Return all that the Worker of a config.Destination is made of: where it is the same, so would the Worker be."""
    name, paid = destination.name, commitment.OF_DESTINATIONS
    apart = {each.field: None for each in paid if each.field != "commitment"}
    identities = [each for each in settings.identities if name in each.to]
    return (
        destination._replace(max_age_h=None, retrieve=None, **apart),
        settings.box.ae_title,
        encryption.client_terms(settings, destination),
        [(each._replace(to=None), tls.stamp_of(each.key_file)) for each in identities],
        [each._replace(to=None) for each in settings.changes if name in each.to],
        [(each.calling, each.address, each.character_set) for each in settings.modalities if each.character_set],
    )


def make_worker(settings, spool, destination, tell=witness.nobody, paths=progress.UNASKED):
    """Return the Worker of one config.Destination. paths: progress.Progress."""
    ways = targets.make(settings, destination, stages.make(settings, destination))
    schedules = worker.schedules(destination.retry_first_s, destination.retry_cap_s, destination.attempts)
    opening = Window(destination.hours, destination.weekdays)
    return worker.Worker(
        spool, destination.name, ways, *schedules, opening, destination.linger_s, commits=destination.commitment,
        tell=tell, paths=paths, patience_s=_PATIENCE_S.get(destination.kind, progress.FOREVER),
    )  # fmt: skip


def answering(settings):
    """Return {AE title: names of the destinations that it commits for} of a config.Config."""
    found = {}
    for each in settings.destinations:
        if each.commitment:
            found.setdefault(commitment.provider(each).ae_title, []).append(each.name)
    return found


def make_reports(settings, spool):
    """Return the report.Reports of the destinations that have to commit to what they were sent."""
    from edge.net import report  # only a box that asks for commitment pays for it

    return report.Reports(spool.commitments, answering(settings), spool.now)


def wave_through(settings, spool):
    """Let what was sent to a destination that does not have to commit to it, or not any more, count as delivered."""
    counts = spool.jobs.counts()
    for each in settings.destinations:
        if not each.commitment and each.name in counts and counts[each.name]["sent"][0]:
            spool.commitments.wave_through(each.name, spool.now())


def committer_terms(settings, destination):
    """Return all that the Committer of a config.Destination is made of, but for the reports; see worker_terms."""
    calling = destination.calling_ae_title or settings.box.ae_title
    times = destination.commitment_wait_s, destination.commitment_linger_s
    tries = destination.retry_first_s, destination.retry_cap_s, destination.commitment_tries
    how = targets.terms(destination), encryption.client_terms(settings, destination)
    return commitment.provider(destination), calling, times, tries, how


def make_committer(settings, spool, destination, reports):
    """Return the Committer of a config.Destination that has to commit to what it was sent."""
    from edge.forward.commitment import Committer, Provider

    (title, host, port), calling, times, tries, (terms, _) = committer_terms(settings, destination)
    who = Provider(host, port, title, calling, terms, targets.tls_client(settings, destination), *times)
    return Committer(spool, destination.name, who, reports, *worker.schedules(*tries))
