# SPDX-License-Identifier: Apache-2.0
"""An engine in the matrix."""

from __future__ import annotations

from support import rootfs
from stage import Access, System

# An index of two platforms, and an image of seven layers.
IMAGES = (rootfs.MULTI, rootfs.LAYERS)


class Engine:
    name = ""
    package = ""  # whose version is shown; absent: the suite has no such engine
    # Modes that the engine does not know, with the reason.
    impossible: dict[str, str] = {}

    def __init__(self, version: str):
        self.version = version

    def prepare(self, system: System, access: Access) -> None:
        """Configures the engine and starts it."""

    def pull(self, system: System, access: Access) -> None:
        """Pulls IMAGES through the mirror. Raises Failed."""
        raise NotImplementedError
