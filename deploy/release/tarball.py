# SPDX-License-Identifier: Apache-2.0
"""Writes the archive that needs no package manager: the files of the package, laid out for /usr/local, with every
library beside the binary except glibc's own.

usage: tarball.py PART NAME OUTPUT

PART is a folder that deploy/release/pack.sh has written. The binary is the package's; its search path for
libraries (DT_RPATH, which counts for the libraries of libraries, too) is lib/entrepot beside its folder. Debian has
no static archives of spdlog, fmt, prometheus-cpp and toml++, so it cannot be linked statically."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from files import Archive, fields, gzipped

GLIBC = "libc6"
MOVED = {"share/zsh/vendor-completions": "share/zsh/site-functions"}
LIBRARIES = "lib/entrepot"

INSTRUCTIONS = """\
As root, on a system with glibc {glibc} or later and systemd:

  tar -C /usr/local --no-overwrite-dir --keep-directory-symlink --strip-components=1 -xzf {name}.tar.gz
  useradd --system --home-dir /var/lib/entrepot --shell /usr/sbin/nologin entrepot
  install -d -m 0700 /etc/entrepot/credentials
  cp /usr/local/share/doc/entrepot/entrepot.json /etc/entrepot/
  systemctl daemon-reload && systemctl enable --now entrepot

Certificates of authorities are read from /etc/ssl/certs/ca-certificates.crt, where Debian has them. Without systemd
`bin/entrepot serve` runs from any folder. The libraries in lib/entrepot are those of {system}: their security updates
come with the next release only. Where there is a package for your system, use that.
"""


def owner_of_files(root: Path) -> dict[str, dict[str, str]]:
    """The fields of dpkg's record of each package of the root, by name."""
    return {file.name: fields(file.read_text()) for file in (root / "var/lib/dpkg/status.d").iterdir()}


def libraries(root: Path) -> list[Path]:
    """All but the loader and the other files of glibc, which belong to one another."""
    glibc = {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libdl.so.2",
             "libpthread.so.0", "libresolv.so.2", "librt.so.1"}
    found = sorted(path for path in root.rglob("*.so*") if path.is_file())
    return [path for path in found if path.name not in glibc]


def with_search_path(file: Path, search: str, work: Path) -> bytes:
    copy = work / file.name
    shutil.copyfile(file, copy)
    subprocess.run(["patchelf", "--force-rpath", "--set-rpath", search, copy], check=True)
    return copy.read_bytes()


def main() -> None:
    part, name, output = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    tree, root = part / "tree", part / "root"
    system = dict(line.split("=", 1) for line in (root / "etc/os-release").read_text().splitlines()
                  if "=" in line)["PRETTY_NAME"].strip('"')
    archive = Archive()
    for path in sorted((tree / "usr").rglob("*")):
        inner = path.relative_to(tree / "usr").as_posix()
        if path.is_dir() or inner in ("bin/entrepot", "lib/systemd/system/entrepot.service"):
            continue
        for before, after in MOVED.items():
            inner = inner.replace(before, after)
        archive.add_file(f"{name}/{inner}", path.read_bytes())
    unit = (tree / "usr/lib/systemd/system/entrepot.service").read_text()
    assert "=/usr/bin/entrepot " in unit
    archive.add_file(f"{name}/lib/systemd/system/entrepot.service",
                     unit.replace("=/usr/bin/entrepot ", "=/usr/local/bin/entrepot ").encode())
    documents = f"{name}/share/doc/entrepot"
    archive.add_file(f"{documents}/entrepot.json", (tree / "etc/entrepot/entrepot.json").read_bytes())
    archive.add_file(f"{documents}/LICENSE", (root / "usr/share/doc/entrepot/copyright").read_bytes())
    packages = owner_of_files(root)
    for package in sorted(packages):
        if package not in (GLIBC, "ca-certificates"):
            licence = root / "usr/share/doc" / package / "copyright"
            archive.add_file(f"{documents}/libraries/{package}", licence.read_bytes())
    glibc = packages[GLIBC]["Version"].partition("-")[0]
    archive.add_file(f"{name}/INSTALL", INSTRUCTIONS.format(name=name, glibc=glibc, system=system).encode())
    with tempfile.TemporaryDirectory() as work:
        archive.add_file(f"{name}/bin/entrepot", with_search_path(
            tree / "usr/bin/entrepot", f"$ORIGIN/../{LIBRARIES}", Path(work)), executable=True)
        for library in libraries(root):
            archive.add_file(f"{name}/{LIBRARIES}/{library.name}",
                             with_search_path(library, "$ORIGIN", Path(work)))
    output.write_bytes(gzipped(archive.tar()))


main()
