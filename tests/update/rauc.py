"""Updates made by the real rauc, and a box that believes one of two who sign them."""

import random
import subprocess
import sys
from pathlib import Path

from tests.support.certificates import openssl

PROJECT = Path(__file__).resolve().parents[2]
BOARD = "qemu-arm64"


class Signer:
    """A key and a self-signed certificate, for updates."""

    def __init__(self, folder, name):
        self.key, self.certificate = Path(folder, name + ".key"), Path(folder, name + ".pem")
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-keyout", self.key, "-out", self.certificate, "-subj", "/CN=" + name,
        )  # fmt: skip

    def bundle(self, out, version="0.2.0", board=BOARD, root=random.Random(7).randbytes(300_000)):
        """Make the bundle `out` by image-build/bundle; return its path."""
        images = Path(out).with_suffix(".images")
        images.mkdir(exist_ok=True)
        (images / "root.img").write_bytes(root)
        (images / "boot.img").write_bytes(b"boot" * 100_000)
        command = [sys.executable, PROJECT / "image-build/bundle", version, board, images, self.key, self.certificate]
        subprocess.run([*map(str, command), str(out)], check=True, capture_output=True)
        return Path(out)
