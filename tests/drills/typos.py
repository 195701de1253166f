# SPDX-License-Identifier: Apache-2.0
"""Thirteen mistakes of a tired operator in a configuration."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Typo:
    spoil: Callable[[dict], None] | Callable[[str], str]
    key: str   # pattern of its path, as the message names it
    says: str  # pattern of the fault
    in_text: bool = False  # `spoil` changes the text, not the document

    def assert_told(self, stderr: str) -> None:
        assert any(re.search(f"{self.key}: {self.says}", line) for line in stderr.splitlines()), (self, stderr)


def setting(*path, to):
    def spoil(config: dict) -> None:
        for name in path[:-1]:
            config = config[name]
        config[path[-1]] = to
    return spoil


DOCKER = ("upstreams", "docker.io")

TYPOS = [
    Typo(lambda text: text.rstrip()[:-1], r"\d+(:\d+)?|json", ".", in_text=True),
    Typo(lambda text: text.replace('"admin"', '"listen": [],"admin"', 1), "listen", "", in_text=True),
    Typo(setting("upstream", to={}), "upstream", "unknown key"),
    Typo(setting("cache", "maxsize", to="1GiB"), r"cache\.maxsize", "unknown key; known here: .*max_size"),
    Typo(setting("cache", "max_size", to="100 gigs"), r"cache\.max_size", ".*100 gigs"),
    Typo(setting(*DOCKER, "tags", "fresh_for", to="10"), r"upstreams\..?docker\.io.?\.tags\.fresh_for", ""),
    Typo(setting(*DOCKER, "endpoints", to="https://registry-1.docker.io"),
         r"upstreams\..?docker\.io.?\.endpoints", ""),
    Typo(setting(*DOCKER, "endpoints", 0, "url", to="registry-1.docker.io"),
         r"upstreams\..?docker\.io.?\.endpoints\[0\]\.url", ""),
    Typo(setting(*DOCKER, "endpoints", 0, "url", to="https://registry-1.docker.io/v2/"),
         r"upstreams\..?docker\.io.?\.endpoints\[0\]\.url", ".*ends with /v2"),
    Typo(setting("default_upstream", to="dockerio"), "default_upstream", ".*dockerio"),
    Typo(setting("listen", to=[{"address": "127.0.0.1"}]), r"listen\[0\]\.address", ""),
    Typo(setting(*DOCKER, "credentials", to=[{"username": "ci", "password_file": "/no/such/file"}]),
         r"upstreams\..?docker\.io.?\.credentials\[0\]\.password_file", ".*/no/such/file"),
    Typo(setting("log", "level", to="verbose"), r"log\.level", ".*verbose"),
]


def write(good: dict, typo: Typo) -> str:
    if typo.in_text:
        return typo.spoil(json.dumps(good, indent=2))
    bad = copy.deepcopy(good)
    typo.spoil(bad)
    return json.dumps(bad, indent=2)
