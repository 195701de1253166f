# SPDX-License-Identifier: Apache-2.0
"""The common parts of the benchmarks: a directory with processes, figures, bars, a command line."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
os.environ.setdefault("ENTREPOT_BINARY",
                      str(HERE.parent.parent / "build/release/entrepot"))

from nginx import OCI_MANIFEST, Nginx  # noqa: E402
from support import config  # noqa: E402
from support.entrepot import Entrepot  # noqa: E402

MIB = 1 << 20
NAME = "library/bench"


def spread(values: list[float], scale: float = 1, digits: int = 2) -> str:
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid * scale:.{digits}f} ({low * scale:.{digits}f}–{high * scale:.{digits}f})"


missed: list[str] = []


def bar(what: str, value: float, limit: float, at_least: bool = False) -> None:
    """Checks whether a figure is within its bar, and records a miss."""
    held = value >= limit if at_least else value <= limit
    print(f"    {'held  ' if held else 'MISSED'} {what}: {value:.3g}, bar "
          f"{'≥' if at_least else '≤'} {limit:g}")
    if not held:
        missed.append(what)


def ratio(a: list[float], b: list[float]) -> float:
    """Median of the ratios pair by pair."""
    return statistics.median(x / y for x, y in zip(a, b))


class Site:
    """A directory, its processes, and their end."""

    def __init__(self, earlier: str | None = None):
        self.earlier = earlier
        self.directory = Path(tempfile.mkdtemp(prefix="entrepot-bench-"))
        self._open: list = []
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with ExitStack() as ends:  # one that fails to stop does not keep the others
            ends.callback(shutil.rmtree, self.directory, ignore_errors=True)
            for each in self._open:
                ends.callback(each.stop if hasattr(each, "stop") else each.close)

    def keep(self, thing):
        self._open.append(thing)
        return thing

    def entrepot(self, upstream: str | dict, binary: str | None = None, **changes) -> Entrepot:
        """`upstream` is the URL of docker.io's one endpoint, or its whole configuration; `changes`
        as for support.config.settings()."""
        self._count += 1
        directory = self.directory / f"entrepot-{self._count}"
        directory.mkdir()
        fields = upstream if isinstance(upstream, dict) else {"endpoint": upstream}
        settings = config.settings(directory / "cache", {"docker.io": fields},
                                   **{"cache": {"max_size": "30GiB"},
                                      "threads": {"serve": 0, "fetch": 1, "store": 4},
                                      "log": {"level": "info", "access": False},
                                      "limits": None, **changes})
        ours = os.environ["ENTREPOT_BINARY"]
        os.environ["ENTREPOT_BINARY"] = binary or ours
        try:
            return self.keep(Entrepot(directory, settings)).start()
        finally:
            os.environ["ENTREPOT_BINARY"] = ours

    def close(self, thing) -> None:
        self._open.remove(thing)
        thing.close() if hasattr(thing, "close") else thing.stop()

    def static(self, files: dict[str, bytes], tags: dict[str, str] | None = None) -> Nginx:
        """A registry of files, named as below its repository; `tags` has the digest of each manifest
        that is named otherwise."""
        root = self.directory / "root"
        for name, data in files.items():
            path = root / "v2" / NAME / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return self.keep(Nginx.static(self.directory / "origin", root, tags={
            f"/v2/{NAME}/{name}": digest for name, digest in (tags or {}).items()}))


def run_suites(doc: str, suites: dict, rounds: int = 5,
               parser: argparse.ArgumentParser | None = None) -> None:
    """The command line of a bench, whose `parser` has the options of that one alone. Ends with 1
    when a bar was missed."""
    parser = parser or argparse.ArgumentParser()
    parser.description = doc.split("\n")[0]
    parser.set_defaults(earlier=None)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("suites", nargs="*", metavar="suite", choices=[[], *suites],
                        help=", ".join(suites))
    options = parser.parse_args()
    for name in options.suites or suites:
        print(f"{name}:", flush=True)
        with Site(options.earlier) as site:
            suites[name](site, options.rounds)
    if missed:
        sys.exit("missed: " + "; ".join(missed))


def curl(port: int, target: str) -> float:
    """Seconds for a whole download by curl; fails unless it is whole."""
    done = subprocess.run(["curl", "-sS", "-f", "-m", "120", "-o", "/dev/null",
                           "-w", "%{time_total}", f"http://127.0.0.1:{port}{target}"],
                          capture_output=True, text=True, check=True)
    return float(done.stdout)


def blob_target(data: bytes) -> str:
    return f"/v2/{NAME}/blobs/sha256:{hashlib.sha256(data).hexdigest()}"


def wrk(port: int, target: str, seconds: int = 4, connections: int = 64, headers=()) -> float:
    """Requests a second, which accept what engines accept. `headers`: lines besides Accept."""
    lines = [word for line in (f"Accept: {OCI_MANIFEST}", *headers) for word in ("-H", line)]
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *lines,
                           f"http://127.0.0.1:{port}{target}"],
                          capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


def small_objects(site: Site) -> tuple[Nginx, dict[str, str]]:
    """A registry with a blob of 4 KiB and a manifest, and the target of each by its kind."""
    blob = os.urandom(4096)
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "size": len(blob),
             "digest": "sha256:" + hashlib.sha256(blob).hexdigest()}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": layer,
                           "layers": [layer] * 8}).encode()
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    names = {"4 KiB blob": f"blobs/{layer['digest']}",
             "Manifest by digest": f"manifests/{digest}", "Manifest by tag": "manifests/latest"}
    origin = site.static(dict(zip(names.values(), (blob, manifest, manifest))),
                         tags={"manifests/latest": digest})
    return origin, {what: f"/v2/{NAME}/{name}" for what, name in names.items()}


def large_file(site: Site, pieces: int = 64) -> tuple[Nginx, str]:
    """1 GiB, or fewer pieces of 16 MiB, that do not compress or deduplicate, at a fast upstream."""
    path = site.directory / "root" / "v2" / NAME / "blobs" / "arriving"
    path.parent.mkdir(parents=True)
    sha = hashlib.sha256()
    with open(path, "wb") as out:
        for _ in range(pieces):
            piece = os.urandom(16 * MIB)
            sha.update(piece)
            out.write(piece)
    digest = f"sha256:{sha.hexdigest()}"
    path.rename(path.parent / digest)
    return site.static({}), f"/v2/{NAME}/blobs/{digest}"


def into_page_cache(path: Path) -> None:
    with open(path, "rb") as file, open("/dev/null", "wb") as nowhere:
        offset = 0
        while sent := os.sendfile(nowhere.fileno(), file.fileno(), offset, 16 * MIB):
            offset += sent


def out_of_page_cache(path: Path) -> None:
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
