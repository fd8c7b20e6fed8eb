"""What objects are changed by on their way out, made of the configuration: de-identification, then single elements."""

from edge.box import rules
from edge.net import private
from edge.spool import errors
from edge.spool.inflate import inflater


def make(settings, destination):
    """Return what the objects for a config.Destination are changed by on their way out; Degraded without its key."""
    stages = []
    for each in settings.identities:
        if destination.name in each.to:
            stages.append(identity(each))
    wanted = [rules.character_set(each) for each in settings.modalities if each.character_set is not None]
    wanted += [rules.change(each) for each in settings.changes if destination.name in each.to]
    if wanted:
        from edge.morph import change  # only a box that changes something pays for it

        stages.append(change.Changes(wanted, settings.box.ae_title, inflater))
    return tuple(stages)


def identity(settings):
    """Return the identity.Identity of a config.Deidentify; Degraded, in words, when its key cannot be used."""
    from edge.morph import identity as identities  # only a box that has to pays for it
    from edge.morph import profile, pseudonym

    path = settings.key_file
    try:
        key = pseudonym.Key(private.read(path).strip())
    except OSError as error:
        raise _no_key(path, error.strerror.lower()) from None
    except ValueError as error:
        raise _no_key(path, error) from None
    safe = tuple([each.steps[0] for each in settings.safe_private])
    return identities.Identity(profile.Profile(key, settings.options, safe, settings.burned_in == "send"), inflater)


def _no_key(path, why):
    words = "the key for de-identification, %s, cannot be used: %s; `head -c 32 /dev/urandom | base64 > FILE` makes one"
    return errors.Degraded(words % (path, why))
