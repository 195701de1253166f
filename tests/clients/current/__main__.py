# SPDX-License-Identifier: Apache-2.0
"""The matrix of current engines. Started by tests/clients/current.sh, in namespaces of its own:

    python3 tests/clients/current DIRECTORY ROOT [ENGINE…]
"""

from __future__ import annotations

import datetime
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support import rootfs  # noqa: E402
from support.daemon import run_command  # noqa: E402

import signed  # noqa: E402
from by_mirror import BY_MIRROR  # noqa: E402
from by_name import BY_NAME  # noqa: E402
from engine import Engine  # noqa: E402
from flatpak import Flatpak  # noqa: E402
from stage import MODES, Failed, Mirror, System, installed, own_network  # noqa: E402

ENGINES: list[type[Engine]] = [*BY_MIRROR, *BY_NAME, Flatpak]
PHASES = ("cold", "warm", "registry stopped")


def pull(engine: Engine, root: Path, work: Path, mirror: Mirror) -> None:
    """One phase: the engine is new, so every byte that it has comes from the mirror."""
    before = mirror.blobs_sent()
    system = System(root, work)
    try:
        mirror.access.place(system)
        engine.prepare(system, mirror.access)
        engine.pull(system, mirror.access)
    finally:
        system.stop()
    if mirror.blobs_sent() == before:
        raise Failed("the mirror has sent no blob")


def tried(engine: Engine, mode: str, root: Path, store: Path, work: Path) -> str:
    """The cell of the table."""
    if mode in engine.impossible:
        return f"– ({engine.impossible[mode]})"
    mirror = Mirror(store, work, mode)
    phase = ""
    try:
        for phase in PHASES:
            if phase == PHASES[2]:
                mirror.registry.stop()
            fetched = mirror.blobs_fetched()
            pull(engine, root, work, mirror)
            if phase != PHASES[0] and mirror.blobs_fetched() != fetched:
                raise Failed("the mirror has fetched a blob again")
        return "yes"
    except Failed as problem:
        print(f"--- {engine.name}, {mode}, {phase}: {problem}\n{problem.output[-3000:]}\n"
              f"{mirror.log()[-3000:]}", file=sys.stderr)
        return f"**no**, {phase}: {problem}".replace("|", "/")
    finally:
        mirror.stop()


def row(kind: type[Engine], root: Path, store: Path, work: Path) -> list[str]:
    version = installed(root, kind.package)
    if version is None:
        return [kind.name, f"not in the suite (package {kind.package})", *("" for _ in MODES)]
    engine = kind(version)
    return [engine.name, version, *(tried(engine, mode, root, store, work) for mode in MODES)]


def main() -> int:
    if sys.argv[1:] == ["--list"]:
        print("\n".join(engine.name for engine in ENGINES))
        return 0
    if sys.argv[1] == "--images":  # in the network of the caller: the first run fetches packages
        rootfs.store(Path(sys.argv[2]))
        return 0
    directory, root, *names = sys.argv[1:]
    unknown = set(names) - {engine.name for engine in ENGINES}
    if unknown:
        print(f"unknown engines: {', '.join(sorted(unknown))}; --list names all", file=sys.stderr)
        return 64
    # As process 1 of its namespace, it would ignore the signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    work = Path(directory) / "work"
    work.mkdir(exist_ok=True)
    run_command("mount", "--make-rprivate", "/")
    images = rootfs.store(Path(directory))
    run_command("mount", "-t", "tmpfs", "matrix", work)
    own_network()
    store = signed.store(images, Path(root), work)
    rows = []
    for engine in ENGINES:
        if not names or engine.name in names:
            rows.append(row(engine, Path(root), store, work))
            print("| " + " | ".join(rows[-1]) + " |", file=sys.stderr, flush=True)
    suite = Path(root).name
    print(f"Debian {suite}, {datetime.date.today().isoformat()}:\n\n"
          "| engine | version | HTTP | HTTPS, private authority | login | client certificate |\n"
          "|---|---|---|---|---|---|")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
    return 1 if any("**no**" in cell for cells in rows for cell in cells) else 0


sys.exit(main())
