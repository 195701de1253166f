# SPDX-License-Identifier: Apache-2.0
"""A registry far away: nginx with files in a network of its own, and between that network and the
caller's a process that delays each packet and loses some. The kernel's TCP decides how fast the
connections are, not a script."""

from __future__ import annotations

import collections
import fcntl
import os
import random
import select
import signal
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.daemon import run_command
from support.network import own_network
from thin import HERE, THERE, ThinLink

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_LARGEST_PACKET = 1 << 16
_AT_A_TIME = 64


@dataclass(frozen=True)
class Way:
    round_trip: float  # seconds
    loss: float  # of the packets, in each direction
    rate: float  # bytes a second towards the caller, headers included
    queue: float = 0.1  # seconds at that rate; a full queue drops packets


def _tun(name: str, address: str) -> int:
    """A TUN device in the calling thread's network."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    run_command("ip", "address", "add", f"{address}/30", "dev", name)
    run_command("ip", "link", "set", name, "mtu", "1500", "txqueuelen", "10000", "up")
    return device


def _carry(here: int, there: int, way: Way) -> None:
    """Runs until it is killed. Sends packets in order, each half a round trip after the link took
    it."""
    lost = random.Random(1)
    due: dict[int, collections.deque] = {here: collections.deque(), there: collections.deque()}
    free_at = 0.0
    poll = select.poll()
    for device in due:
        poll.register(device, select.POLLIN)
    while True:
        first = min((queue[0][0] for queue in due.values() if queue), default=time.monotonic() + 1)
        poll.poll(max(0.0, first - time.monotonic()) * 1e3)
        for source, target in ((here, there), (there, here)):
            for packet in _waiting(source):
                now = time.monotonic()
                if lost.random() < way.loss:
                    continue
                sent = now
                if source == there:
                    if free_at - now > way.queue:
                        continue
                    sent = free_at = max(now, free_at) + len(packet) / way.rate
                due[target].append((sent + way.round_trip / 2, packet))
        for target, queue in due.items():
            while queue and queue[0][0] <= time.monotonic():
                os.write(target, queue.popleft()[1])


def _waiting(device: int):
    try:
        for _ in range(_AT_A_TIME):
            yield os.read(device, _LARGEST_PACKET)
    except BlockingIOError:
        pass


@contextmanager
def far_link(root: Path, directory: Path, way: Way):
    """While it lasts, the calling thread and all it starts are in a network whose only way out is
    the link."""
    with own_network():
        here = _tun("here", HERE)
        with own_network():
            there = _tun("there", THERE)
            # CUBIC takes each loss for congestion at such speeds; other algorithms are not always
            # available.
            Path("/proc/sys/net/ipv4/tcp_congestion_control").write_text("reno", "ascii")
            link = ThinLink(root, directory)
        carrier = os.fork()
        if carrier == 0:
            try:
                _carry(here, there, way)
            finally:
                os._exit(1)
        os.close(here)
        os.close(there)
        try:
            yield link
        finally:
            os.kill(carrier, signal.SIGKILL)
            os.waitpid(carrier, 0)
            link.stop()
