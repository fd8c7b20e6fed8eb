"""Where Debian's archive is: there where this machine gets its own packages, unless the environment says otherwise."""

import os
import subprocess

# The names of variables that name another place, such as a snapshot of one day: the archive, and that of its security.
VARIABLES = ("EDGE_DEBIAN_MIRROR", "EDGE_DEBIAN_SECURITY_MIRROR")


class Unknown(Exception):
    """No archive is known; str() says what to do."""


def places():
    """Return the addresses (archive, archive of security updates); raises Unknown."""
    named = [os.environ.get(name) for name in VARIABLES]
    if all(named):
        return tuple(named)
    found = _own()
    for at, what in enumerate(("archive", "archive of security updates")):
        named[at] = named[at] or found[at]
        if not named[at]:
            raise Unknown(f"apt knows no {what} of Debian on this machine; name one by {VARIABLES[at]}=http://...")
    return tuple(named)


def _own():
    """Return the same of this machine's apt, None for what it does not know."""
    asked = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()
    found = dict(reversed([line.split(" ", 1) for line in listed]))  # the first of a release is the one that counts
    main = next((uri for name, uri in found.items() if not name.endswith(("-security", "-updates", "-backports"))), None)
    security = next((uri for name, uri in found.items() if name.endswith("-security")), None)
    return main and main.rstrip("/"), security and security.rstrip("/")


def suites(release):
    """Return [(address, suites)] of all that a release consists of."""
    main, security = places()
    return [(main, f"{release} {release}-updates"), (security, f"{release}-security")]


def lines(release):
    """Return the same as lines for apt's sources."""
    return [f"deb {uri} {suite} main" for uri, names in suites(release) for suite in names.split()]
