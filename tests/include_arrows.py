#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds who may include whom (docs/design/overview.md), and that every source names its licence.

usage: include_arrows.py ROOT     prints each offence as file:line and exits 1
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# Folder → project folders it may include besides itself. metrics/ is for everyone.
ARROWS = {
    "metrics": [],
    "conf": [],
    "cache": [],
    "proxy/loop": [],
    "proxy/http": ["proxy/loop"],
    "proxy/upstream": ["cache", "proxy/loop"],
    "proxy/registry": ["cache", "proxy/http"],
    "proxy/admin": ["cache", "proxy/http", "proxy/loop"],
    "proxy/app": ["cache", "conf", "proxy/admin", "proxy/http", "proxy/loop", "proxy/registry",
                  "proxy/upstream"],
}

# Foreign library → how its headers begin, and the files (by prefix) that may include them.
LIBRARIES = {
    "prometheus-cpp": (r"prometheus/", ["metrics/"]),
    "spdlog": (r"(spdlog|fmt)/", ["metrics/"]),
    "nlohmann": (r"nlohmann/",
                 ["conf/", "cache/manifest.cc", "cache/schema1.cc",
                  "proxy/upstream/json.", "proxy/upstream/listing_",
                  "proxy/upstream/token_reply.cc", "proxy/admin/cache_api.cc",
                  "proxy/app/cache_", "proxy/app/endpoint_memory.cc"]),
    "rocksdb": (r"rocksdb/", ["cache/rocks_"]),
    "libevent": (r"(event2/|event\.h|evutil\.h)",
                 ["proxy/loop/", "proxy/http/", "proxy/upstream/"]),
    "re2": (r"re2/", ["metrics/pattern.cc"]),
    "llhttp": (r"llhttp\.h", ["proxy/http/"]),
    "libcurl": (r"curl/", ["proxy/upstream/", "proxy/app/admin_client."]),
    # Upstream credentials are encoded for Basic and wiped from memory by it.
    "openssl": (r"openssl/", ["cache/digest", "cache/schema1.cc", "proxy/http/", "proxy/upstream/credential"]),
    "CLI11": (r"CLI/", ["proxy/app/"]),
    # Tests only: no source of the product includes them.
    "googletest": (r"(gtest|gmock)/", []),
    "benchmark": (r"benchmark/", []),
}

SOURCES = (".h", ".cc", ".c")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Files whose first line (second after #!) must name the licence.
LICENSED = (".h", ".cc", ".c", ".py", ".sh", ".cmake")


def folder_of(path: str) -> str | None:
    """The folder of ARROWS that holds a project path."""
    return next((folder for folder in ARROWS if path.startswith(folder + "/")), None)


def check_include(file: str, quote: str, header: str) -> str | None:
    """Why this include is not allowed, or None."""
    for library, (pattern, users) in LIBRARIES.items():
        if re.match(pattern, header):
            if any(file.startswith(user) for user in users):
                return None
            return f"{library} is included only from {', '.join(users) or 'the tests'}"
    if quote == "<":
        return None  # the standard library and the system
    target = folder_of(header)
    if target is None:
        return f'"{header}" is not a path of the project (write it from the top folder)'
    folder = folder_of(file)
    if target in (folder, "metrics") or target in ARROWS[folder]:
        return None
    return f"{folder}/ may not include {target}/"


def check_source(root: Path, path: Path) -> list[str]:
    file = path.relative_to(root).as_posix()
    problems = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match and (problem := check_include(file, match[1], match[2])):
            problems.append(f"{file}:{number}: {problem}")
    return problems


def check_licence(root: Path, path: Path) -> list[str]:
    lines = path.read_text(errors="replace").splitlines()[:2]
    first = lines[1:] if lines and lines[0].startswith("#!") else lines[:1]
    if first and "SPDX-License-Identifier: Apache-2.0" in first[0]:
        return []
    return [f"{path.relative_to(root)}:1: no SPDX-License-Identifier: Apache-2.0"]


def is_ours(root: Path, path: Path) -> bool:
    top = path.relative_to(root).parts[0]
    return path.is_file() and not top.startswith(("build", ".git"))


def wants_licence(path: Path) -> bool:
    # An empty file has nothing to license.
    return ((path.suffix in LICENSED or path.name == "CMakeLists.txt")
            and path.stat().st_size > 0)


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    sources = [path for folder in ("metrics", "conf", "cache", "proxy")
               for path in sorted((root / folder).rglob("*")) if path.suffix in SOURCES]
    assert sources, f"no sources below {root}"
    problems = [problem for path in sources for problem in check_source(root, path)]
    licensed = [path for path in sorted(root.rglob("*"))
                if is_ours(root, path) and wants_licence(path)]
    problems += [problem for path in licensed for problem in check_licence(root, path)]
    print("\n".join(problems) or f"{len(sources)} sources keep the arrows, "
                                 f"{len(licensed)} files name their licence")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
