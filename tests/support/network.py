# SPDX-License-Identifier: Apache-2.0
"""A network of one test, in which every port is free and engines may make bridges."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager

from .daemon import run_command

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# An address of this side that containers on a bridge reach, unlike 127.0.0.1.
HERE = "10.89.0.1"


@contextmanager
def own_network(*addresses: str):
    """While it lasts, the calling thread and all its new threads and processes see only this
    network. Its machine has the `addresses` as well, public ones too."""
    with open("/proc/self/ns/net", "rb") as before:
        _checked(_libc.unshare(_CLONE_NEWNET))
        try:
            run_command("ip", "link", "set", "lo", "up")
            for address in (HERE, *addresses):
                run_command("ip", "address", "add", f"{address}/32", "dev", "lo")
            yield
        finally:
            _checked(_libc.setns(before.fileno(), _CLONE_NEWNET))


def _checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
