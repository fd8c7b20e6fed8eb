"""The libcrypto that Python's own `ssl` is linked to.

It is found through `_ssl`, so that there is no second one in the process. Nothing is loaded before it is asked
for. What is asked for is declared by who asks, as OpenSSL 1.1.1 and 3 have it.
"""

import functools


class Unusable(Exception):
    """The library cannot be loaded, or refuses; str() says what."""


@functools.cache
def loaded(declarations, *proofs):
    """Return (FFI, library) with these C declarations; proofs: names of functions that a library must have."""
    import _ssl  # what is in the process already is what is asked

    import cffi

    ffi = cffi.FFI()
    ffi.cdef(declarations)
    major = _ssl.OPENSSL_VERSION_INFO[0]
    names = [_ssl.__file__] if hasattr(_ssl, "__file__") else []  # through it, whatever it is linked to is found
    names += ["libcrypto.so.3" if major >= 3 else "libcrypto.so.1.1", "libcrypto.so"]
    for name in names:
        try:
            library = ffi.dlopen(name)
            if all([getattr(library, proof) for proof in proofs]):
                return ffi, library
        except (OSError, AttributeError):
            continue
    raise Unusable("no libcrypto is found where Python's ssl has it; looked for %s" % ", ".join(names))


def must(done, what):
    """Return `done`, a pointer or a number that is good when it is above 0; raises Unusable."""
    if not done or isinstance(done, int) and done < 1:
        raise Unusable("libcrypto could not " + what)
    return done
