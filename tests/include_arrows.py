#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds who may include whom (docs/design/overview.md), and that every source names its licence.

usage: include_arrows.py ROOT     prints each offence as file:line and exits 1
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# Folder → project folders it may include besides itself; "cache/" stands for every folder in cache/.
# metrics/ is for everyone.
ARROWS = {
    "metrics/exposition": [],
    "metrics/logging": [],
    "metrics": ["metrics/exposition", "metrics/logging"],
    "conf/json": [],
    "conf": ["conf/json"],

    "cache/base": [],
    "cache/index": ["cache/base"],
    "cache/content": ["cache/base"],
    "cache/api": ["cache/base", "cache/content"],
    "cache/store": ["cache/base", "cache/index", "cache/content", "cache/api"],
    "cache/space": ["cache/base", "cache/index", "cache/content", "cache/api", "cache/store"],
    "cache/fill/rules": ["cache/base"],
    "cache/fill": ["cache/base", "cache/index", "cache/content", "cache/api", "cache/store", "cache/space",
                   "cache/fill/rules"],
    "cache/flight": ["cache/base", "cache/index", "cache/content", "cache/api", "cache/store", "cache/space",
                     "cache/fill"],
    "cache/upkeep": ["cache/base", "cache/index", "cache/content", "cache/api", "cache/store", "cache/space",
                     "cache/fill"],
    "cache": ["cache/"],

    "proxy/base": [],
    "proxy/access": ["proxy/base"],
    "proxy/access/login": ["proxy/access", "proxy/base"],
    "proxy/access/jwt": ["proxy/access", "proxy/access/login", "proxy/base"],
    "proxy/loop": ["cache/base"],
    "proxy/http/client": ["proxy/base", "proxy/loop"],
    "proxy/http/listen": ["proxy/base"],
    "proxy/http/parse": ["proxy/base"],
    "proxy/http/peer": ["proxy/base", "proxy/http/client", "proxy/http/parse"],
    "proxy/http/socket": ["proxy/loop"],
    "proxy/http/tls": ["proxy/base", "proxy/http/socket", "proxy/loop"],
    "proxy/http": ["cache/base", "proxy/base", "proxy/http/client", "proxy/http/listen",
                   "proxy/http/parse", "proxy/http/peer", "proxy/http/socket", "proxy/http/tls",
                   "proxy/loop"],

    "proxy/upstream/wire": ["proxy/base", "cache/base", "cache/api"],
    "proxy/upstream/transfer": ["proxy/base", "proxy/loop", "cache/base", "proxy/upstream/wire"],
    "proxy/upstream/auth": ["proxy/base", "cache/base", "proxy/upstream/transfer",
                            "proxy/upstream/wire"],
    "proxy/upstream/account": ["proxy/base", "proxy/loop", "cache/base", "proxy/upstream/auth",
                               "proxy/upstream/transfer", "proxy/upstream/wire"],
    "proxy/upstream/endpoint": ["proxy/base", "cache/base", "cache/api", "proxy/upstream/account",
                                "proxy/upstream/auth", "proxy/upstream/transfer", "proxy/upstream/wire"],
    "proxy/upstream/refusal": ["proxy/base", "cache/base", "proxy/upstream/account", "proxy/upstream/auth",
                               "proxy/upstream/endpoint", "proxy/upstream/transfer", "proxy/upstream/wire"],
    "proxy/upstream": ["proxy/base", "proxy/loop", "cache/base", "cache/api", "proxy/upstream/"],

    "proxy/admission": ["proxy/access", "proxy/access/jwt", "proxy/access/login", "proxy/base",
                        "proxy/http/client", "proxy/loop", "cache/api", "cache/base"],
    "proxy/registry/request": ["proxy/base", "cache/base", "cache/api", "proxy/http",
                               "proxy/http/parse"],
    "proxy/registry/reply": ["proxy/base", "cache/base", "cache/content", "cache/api",
                             "proxy/http", "proxy/http/client", "proxy/http/parse",
                             "proxy/registry/request"],
    "proxy/registry/usage": ["cache/base", "proxy/http", "proxy/http/client", "proxy/http/parse",
                             "proxy/loop", "proxy/registry/reply"],
    "proxy/registry": ["proxy/access", "proxy/access/jwt", "proxy/access/login", "proxy/admission",
                       "proxy/base", "proxy/loop", "cache", "cache/", "proxy/http",
                       "proxy/http/client", "proxy/registry/"],
    "proxy/admin": ["cache", "cache/", "proxy/access", "proxy/access/jwt", "proxy/admission",
                    "proxy/base", "proxy/http", "proxy/http/client", "proxy/http/parse",
                    "proxy/loop"],

    "proxy/app/command": ["cache/api", "conf", "conf/json", "proxy/access", "proxy/access/jwt",
                          "proxy/access/login", "proxy/admin", "proxy/admission",
                          "proxy/app/completion", "proxy/base", "proxy/http", "proxy/http/client", "proxy/http/peer", "proxy/http/tls",
                          "proxy/registry/request", "proxy/upstream/endpoint"],
    "proxy/app/engines/files": ["cache/base", "conf/json", "proxy/app/command"],
    "proxy/app/engines/setup": ["conf", "conf/json", "proxy/app/command", "proxy/app/engines/files",
                                "proxy/http/tls"],
    "proxy/app/engines/check": ["cache/base", "conf", "proxy/app/command",
                                "proxy/app/engines/files", "proxy/app/engines/setup"],
    "proxy/app/engines": ["cache/base", "conf", "proxy/app/command", "proxy/app/engines/"],
    "proxy/app/access_cli": ["conf", "conf/json", "proxy/access", "proxy/access/jwt",
                             "proxy/app/command", "proxy/base", "proxy/registry/reply",
                             "proxy/registry/request"],
    "proxy/app/issuer_keys": ["cache/base", "conf", "conf/json", "proxy/access",
                              "proxy/access/jwt", "proxy/app/command", "proxy/base",
                              "proxy/upstream/transfer", "proxy/upstream/wire"],
    "proxy/app/token_cli": ["proxy/access", "proxy/access/login", "proxy/base",
                            "proxy/app/command", "proxy/app/engines/files"],
    "proxy/app/handover": ["conf", "proxy/base", "proxy/http", "proxy/http/listen", "proxy/loop"],
    "proxy/app/listeners": ["conf", "proxy/app/command", "proxy/app/handover", "proxy/app/issuer_keys",
                            "proxy/http", "proxy/http/client", "proxy/http/listen", "proxy/http/tls", "proxy/loop",
                            "proxy/registry", "proxy/admission"],
    "proxy/app/online_check": ["cache/base", "conf", "proxy/app/command", "proxy/loop",
                               "proxy/upstream", "proxy/upstream/"],
    "proxy/app/cache_cli": ["cache", "cache/", "conf", "conf/json", "proxy/admin", "proxy/app/command",
                            "proxy/app/engines/setup", "proxy/http/parse"],
    "proxy/app/completion": [],
    "proxy/app/deny": ["cache/index", "cache/upkeep", "conf", "proxy/access", "proxy/admin",
                       "proxy/app/cache_cli", "proxy/app/command", "proxy/app/engines/files", "proxy/base",
                       "proxy/http/parse", "proxy/registry/request"],
    "proxy/app/restart_keys": ["conf", "proxy/app/cache_cli", "proxy/app/command",
                               "proxy/app/listeners"],
    "proxy/app/status": ["cache/base", "cache/upkeep", "proxy/upstream/endpoint"],
    "proxy/app/status_cli": ["conf", "proxy/admin", "proxy/app/cache_cli", "proxy/app/command"],
    "proxy/app/usage": ["proxy/admin", "proxy/app/cache_cli", "proxy/app/command",
                        "proxy/registry/request", "proxy/registry/usage"],
    "proxy/app": ["cache", "cache/", "conf", "proxy/"],
}

# Foreign library → how its headers begin, and the files (by prefix) that may include them.
LIBRARIES = {
    "prometheus-cpp": (r"prometheus/", ["metrics/"]),
    "spdlog": (r"(spdlog|fmt)/", ["metrics/"]),
    "nlohmann": (r"nlohmann/",
                 ["conf/", "cache/content/manifest.cc", "cache/content/schema1.cc",
                  "proxy/upstream/wire/json.", "proxy/upstream/listing_",
                  "proxy/upstream/wire/listing_", "proxy/upstream/auth/token_reply.cc",
                  "proxy/access/login/token_file.cc", "proxy/access/jwt/",
                  "proxy/admin/cache_api.cc", "proxy/app/cache_cli/",
                  "proxy/app/engines/check/documents.", "proxy/app/engines/files/record.cc",
                  "proxy/app/deny/", "proxy/app/endpoint_memory.cc",
                  "proxy/app/restart_keys/restart_keys.cc",
                  "proxy/app/status/", "proxy/app/status_cli/", "proxy/app/usage/"]),
    "rocksdb": (r"rocksdb/", ["cache/index/rocks_"]),
    "libevent": (r"(event2/|event\.h|evutil\.h)",
                 ["proxy/loop/", "proxy/http/", "proxy/upstream/"]),
    "re2": (r"re2/", ["metrics/pattern.cc"]),
    "llhttp": (r"llhttp\.h", ["proxy/http/"]),
    "libcurl": (r"curl/", ["proxy/upstream/", "proxy/app/cache_cli/admin_client.",
                           "proxy/app/engines/check/probe.cc",
                           "proxy/app/issuer_keys/key_fetch.cc"]),
    # Upstream credentials are encoded for Basic and wiped from memory by it.
    "openssl": (r"openssl/", ["cache/base/digest", "cache/content/schema1.cc", "proxy/base/secret.cc",
                              "proxy/access/jwt/", "proxy/access/login/",
                              "proxy/app/cache_cli/admin_client.cc",
                              "proxy/app/engines/setup/mirror_access.cc", "proxy/http/",
                              "proxy/upstream/wire/credential"]),
    # Hashes of passwords.
    "libcrypt": (r"crypt\.h", ["proxy/access/login/password_hash.cc"]),
    "CLI11": (r"CLI/", ["proxy/app/"]),
    # Files of engines.
    "toml++": (r"toml\+\+/", ["proxy/app/engines/check/documents.cc"]),
    "yaml-cpp": (r"yaml-cpp/", ["proxy/app/engines/check/documents.cc"]),
    # Tests only: no source of the product includes them.
    "googletest": (r"(gtest|gmock)/", []),
    "benchmark": (r"benchmark/", []),
}

SOURCES = (".h", ".cc", ".c")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Files whose first line (second after #!) must name the licence.
LICENSED = (".h", ".cc", ".c", ".py", ".sh", ".cmake")


def folder_of(path: str) -> str | None:
    """The folder of ARROWS that holds a project path, None for a path in none of them."""
    folder = path.rpartition("/")[0]
    return folder if folder in ARROWS else None


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
    if folder is None:
        return "its folder has no row in ARROWS"
    if target in (folder, "metrics") or target in ARROWS[folder]:
        return None
    if any(allowed.endswith("/") and target.startswith(allowed) for allowed in ARROWS[folder]):
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
