# SPDX-License-Identifier: Apache-2.0
"""Ports that a test keeps although no socket listens there: of a server that goes down and comes back, of a
process that is told its port before it starts, of a server that does not exist.

The system gives a port of its own choice, as bind() to port 0 gets it, to the next process as soon as it is
given back; and a connect() to such a port while it is closed may get that very port as its own, and reach
itself. The ports here are outside of the range from which the system chooses. Tests that run at the same
time keep away from each other by abstract unix sockets, one for each port: they belong to a network, as
ports do, and end with their process.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # of the network of the thread that reads it
_LEAST = 10_000  # below are the ports that servers have by default
_choice = random.SystemRandom()  # tests seed the other one
_kept: list["Port"] = []


class Port:
    """A port that no other test gets and that no socket of this machine had at first, on any address;
    until release(), or to the end of the process."""

    def __init__(self):
        candidates = _candidates()
        start = _choice.randrange(len(candidates))
        for number in candidates[start:] + candidates[:start]:
            lock = _locked(number)
            if lock and _is_unused(number):
                self.number, self._lock = number, lock
                return
            if lock:
                lock.close()
        raise OSError(errno.EADDRINUSE, f"each of {len(candidates)} ports is in use")

    def release(self) -> None:
        self._lock.close()


def keep() -> int:
    """The number of a port that is kept to the end of the process."""
    _kept.append(Port())
    return _kept[-1].number


def keep_address(host: str = "127.0.0.1") -> str:
    """The same with a host, as listeners are configured."""
    return f"{host}:{keep()}"


def listening_sockets(pid: int, port: int) -> int:
    """How many sockets of a process listen on a port, whatever the address; 0 once it has ended. Another
    process may have the same port on another address, or a moment later on the same one."""
    try:
        own = {_link(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        rows = [line.split() for name in ("tcp", "tcp6") if (table := Path(f"/proc/{pid}/net/{name}")).exists()
                for line in table.read_text().splitlines()[1:]]
    except OSError:
        return 0
    # The local address, the state "listening", and the number of the socket.
    return sum(int(row[1].rpartition(":")[2], 16) == port and row[3] == "0A" and f"socket:[{row[9]}]" in own
               for row in rows)


def _link(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except FileNotFoundError:  # closed meanwhile
        return ""


def _candidates() -> list[int]:
    first, last = map(int, _RANGE.read_text().split())
    outside = [*range(_LEAST, first), *range(max(last + 1, _LEAST), 65536)]
    # A system that chooses from nearly all ports has few others; then the locks have to do.
    return outside if len(outside) >= 1000 else list(range(_LEAST, 65536))


def _locked(number: int) -> socket.socket | None:
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0entrepot-test-port-{number}")
    except OSError as error:
        lock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return lock


def _is_unused(number: int) -> bool:
    """Whether it could be bound on all addresses at once, without SO_REUSEADDR: connections that have ended
    count as well."""
    for family, wildcard in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((wildcard, number))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            if family == socket.AF_INET:  # a system may lack the other family
                raise
    return True
