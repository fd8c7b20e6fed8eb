"""A bundle on a web server, of which only parts are fetched: its ends, to know what it is before it is streamed."""

import urllib.parse

from edge.update.errors import Unfit

_PATIENCE_S = 15


class Stream:
    """What is at an address: `size`, and octets at a place; as bundle.File. Raises Unfit."""

    def __init__(self, url):
        self._url = urllib.parse.urlsplit(url)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise Unfit("%s is no address: it begins with https:// or http://, and names a server" % url)
        self.size = 0
        self._ask("bytes=0-7")

    def at(self, offset, length):
        """Return `length` octets at `offset`, fewer where it ends."""
        length = min(length, self.size - offset)
        return self._ask("bytes=%d-%d" % (offset, offset + length - 1)) if length > 0 else b""

    def _ask(self, range_):
        import http.client  # only who streams pays for it

        url = self._url
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        target = (url.path or "/") + ("?" + url.query if url.query else "")
        try:
            asking = kind(url.hostname, url.port, timeout=_PATIENCE_S)
            try:
                asking.request("GET", target, headers={"Range": range_})
                answer = asking.getresponse()
                if answer.status == 206:
                    return self._part(answer)
                code = answer.status
            finally:
                asking.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            words = "%s cannot be reached: %s" % (url.hostname, str(error) or type(error).__name__)
            raise Unfit(words) from None
        if code == 200:
            raise Unfit("the server at %s sends files only as a whole; update by a file instead" % url.hostname)
        raise Unfit("%s answers %d instead of the update; check the address" % (url.hostname, code))

    def _part(self, answer):
        total = (answer.getheader("Content-Range") or "").rpartition("/")[2]
        if not total.isdigit():
            raise Unfit("the server at %s does not say how long the update is" % self._url.hostname)
        self.size = int(total)
        return answer.read(1 << 17)
