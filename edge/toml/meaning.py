"""What a TOML text says; whatever it is that cannot be read of it, it is one kind of error."""

_PARTS = 64  # of one key: tomllib takes memory by the square of their number


def meaning(text):
    """Return what `text` says, as dicts. Raises tomllib.TOMLDecodeError, also where tomllib itself would not."""
    import tomllib  # costs a start without a file nothing

    for line in text.split("\n"):
        if line.count(".") >= _PARTS and not line.lstrip().startswith("#"):
            if line.partition("=")[0].count(".") >= _PARTS:
                raise tomllib.TOMLDecodeError("a key has more than %d parts" % _PARTS)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("lists or tables stand within each other too deeply") from None
    except ValueError:
        raise tomllib.TOMLDecodeError("a number has too many digits") from None
