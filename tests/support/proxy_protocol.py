# SPDX-License-Identifier: Apache-2.0
"""Headers of the PROXY protocol, as load balancers send them."""

from __future__ import annotations

import ipaddress

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXY, LOCAL = 0x21, 0x20
DESTINATION = {4: "192.0.2.1", 6: "2001:db8::1"}


def line(client: str, port: int = 51234) -> bytes:
    """Version 1."""
    version = ipaddress.ip_address(client).version
    return f"PROXY TCP{version} {client} {DESTINATION[version]} {port} 443\r\n".encode()


def binary(client: str, port: int = 51234, fields: bytes = b"") -> bytes:
    """Version 2."""
    address = ipaddress.ip_address(client)
    block = (address.packed + ipaddress.ip_address(DESTINATION[address.version]).packed
             + port.to_bytes(2, "big") + (443).to_bytes(2, "big") + fields)
    return SIGNATURE + bytes([PROXY, 0x11 if address.version == 4 else 0x21]) \
        + len(block).to_bytes(2, "big") + block


def local() -> bytes:
    """Version 2 of a balancer that checks the health of a server."""
    return SIGNATURE + bytes([LOCAL, 0, 0, 0])
