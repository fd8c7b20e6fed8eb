"""Orthanc, a foreign archive with an index, a storage folder and a web interface, while a `with` block lasts."""

import base64
import json
import subprocess
import urllib.request
from pathlib import Path

from tests.support import process

ORTHANC = "/usr/sbin/Orthanc"
PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
USER, PASSWORD = "edge", "a pass word"


class Orthanc:
    """Debian's Orthanc in `folder`, its objects in `storage`; any AE title may store.

    settings: more of its configuration.
    """

    def __init__(self, folder, storage=None, ae_title="ORTHANC", **settings):
        self.folder = Path(folder)
        self.port, self.http_port = process.free_port(), process.free_port()
        self._settings = {
            "Name": "edge-test",
            "StorageDirectory": str(storage or self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
            "DicomAet": ae_title,
            "DicomPort": self.port,
            "DicomAlwaysAllowStore": True,
            "UnknownSopClassAccepted": True,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [],
            **settings,
        }
        self._process = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(self._settings), encoding="utf-8")
        with open(self.folder / "log.txt", "ab") as log:
            self._process = subprocess.Popen([ORTHANC, path], cwd=self.folder, stdout=log, stderr=log)
        try:
            process.wait_until(self._listens, 20, "Orthanc to listen", 0.05)
        except BaseException:
            process.end(self._process)
            raise
        return self

    def __exit__(self, *exception):
        process.end(self._process)

    def _listens(self):
        return process.is_listening(self.port) and process.is_listening(self.http_port)

    def get(self, path):
        """Return what a GET of its web interface answers, as bytes."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}")
        asked.add_header("Authorization", f"Basic {login}")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=20) as answer:
            return answer.read()

    def instances(self):
        """Return the Part 10 files of all that it has, as bytes."""
        return [self.get(f"/instances/{name}/file") for name in json.loads(self.get("/instances"))]


class DicomwebOrthanc(Orthanc):
    """The same with its DICOMweb plug-in, at `url`, for the USER with the PASSWORD alone."""

    def __init__(self, folder):
        super().__init__(
            folder,
            Plugins=[PLUGIN],
            AuthenticationEnabled=True,
            RegisteredUsers={USER: PASSWORD},
            DicomWeb={"Enable": True, "Root": "/dicom-web/"},
        )
        self.url = f"http://localhost:{self.http_port}/dicom-web"
