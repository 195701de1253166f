#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of a request by function; run by profile.sh.

Callgrind counts them; it sees user space only and counts the same each time. One run requests N
objects and another 2 N; the difference is the cost of N objects, in all and for each function.
callgrind_annotate prints more from the files that are named at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import MIB, NAME, Nginx, Site, blob_target
from support import client

PATHS = ("hit", "range", "tag", "miss", "large-miss")
SMALL = 4096


def origin_of(site: Site, path: str, count: int) -> tuple[Nginx, list[str]]:
    """With the requested objects: `count` times the same of a hit, `count` objects of a miss."""
    size = {"large-miss": 16 * MIB, "range": MIB}.get(path, SMALL)
    blobs = [os.urandom(size) for _ in range(count if "miss" in path else 1)]
    files = {f"blobs/sha256:{hashlib.sha256(blob).hexdigest()}": blob for blob in blobs}
    if path != "tag":
        return site.static(files), [blob_target(blob) for blob in blobs]
    manifest = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}'
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    return (site.static({"manifests/latest": manifest}, tags={"manifests/latest": digest}),
            [f"/v2/{NAME}/manifests/latest"])


def counted(path: str, count: int, out: Path) -> int:
    """Instructions of a whole life in which `count` objects are requested."""
    file = out / f"{path}-{count}.callgrind"
    with Site() as site:
        origin, targets = origin_of(site, path, count)
        wrapper = site.directory / "counted"
        wrapper.write_text(
            "#!/bin/sh\nexec valgrind --tool=callgrind --quiet "
            f"--callgrind-out-file={file} {os.environ['ENTREPOT_BINARY']} \"$@\"\n")
        wrapper.chmod(0o755)
        entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}", str(wrapper),
                                 threads={"serve": 1, "fetch": 1, "store": 2})
        fields = [("Range", "bytes=4096-8191")] if path == "range" else []
        if "miss" not in path:
            targets = targets * count
            client.get(entrepot.port, targets[0])
        with client.Connection(entrepot.port, timeout=300) as connection:
            for target in targets:
                connection.send_request("GET", target, fields)
                answer = connection.read_response(keep=False)
                assert answer.status in (200, 206) and answer.complete
    return int(re.search(r"^(?:summary|totals): (\d+)", file.read_text(), re.MULTILINE)[1])


def by_function(file: Path) -> dict[str, int]:
    listing = subprocess.run(["callgrind_annotate", "--threshold=100", file], capture_output=True,
                             text=True, check=True).stdout
    counts: dict[str, int] = {}
    for number, name in re.findall(r"^\s*([\d,]+) \( ?[\d.]+%\)  (.*)$", listing, re.MULTILINE):
        name = re.sub(r"^[^:]*:(?!:)| \[[^]]*\]$|std::__cxx11::|std::char_traits<char>", "", name)
        counts[name] = counts.get(name, 0) + int(number.replace(",", ""))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("path", choices=PATHS)
    parser.add_argument("--functions", type=int, default=25, help="how many are listed")
    options = parser.parse_args()
    count = {"large-miss": 4, "miss": 200}.get(options.path, 1000)
    out = Path(tempfile.mkdtemp(prefix="entrepot-profile-"))
    if shutil.which("callgrind_annotate") is None:
        raise SystemExit("profile.py: callgrind_annotate is missing; deploy/packages.sh bench")
    once, twice = counted(options.path, count, out), counted(options.path, 2 * count, out)
    print(f"{options.path}: {(twice - once) / count:,.0f} instructions in user space each, "
          f"of {count} objects ({twice:,} in all less {once:,})\n")
    few, many = (by_function(out / f"{options.path}-{n}.callgrind") for n in (count, 2 * count))
    each = {name: (number - few.get(name, 0)) / count for name, number in many.items()
            if name != "PROGRAM TOTALS"}
    for name, number in sorted(each.items(), key=lambda item: -item[1])[:options.functions]:
        print(f"{number:10,.0f}  {name[:140]}")
    print(f"\nmore: callgrind_annotate {out}/{options.path}-{2 * count}.callgrind")


if __name__ == "__main__":
    main()
