# SPDX-License-Identifier: Apache-2.0
"""Records of TLS, and the first message of a client with any contents (RFC 8446, section 4.1.2), good or
bad; and the answers to them."""

from __future__ import annotations

import struct

ALERT, HANDSHAKE = 21, 22
SERVER_NAME, GROUPS, SIGNATURES, PROTOCOLS = 0, 10, 13, 16
PRE_SHARED_KEY, VERSIONS, KEY_EXCHANGE_MODES, KEY_SHARE = 41, 43, 45, 51
X25519, P_256 = 0x001d, 0x0017
SUITES = b"\x13\x01\x13\x02\x13\x03\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30"

_ALERTS = {0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
           40: "handshake_failure", 42: "bad_certificate", 47: "illegal_parameter", 50: "decode_error",
           51: "decrypt_error", 70: "protocol_version", 80: "internal_error", 86: "inappropriate_fallback",
           100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
           112: "unrecognized_name", 116: "certificate_required", 120: "no_application_protocol"}


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return struct.pack("!BHH", kind, version, len(body)) + body


def vector(data: bytes, size: int = 2) -> bytes:
    """With its length in `size` bytes before it."""
    return len(data).to_bytes(size, "big") + data


def share(group: int = X25519, key: bytes = bytes(range(1, 33))) -> bytes:
    return vector(struct.pack("!H", group) + vector(key))


def extensions(**changes: bytes | None) -> dict[int, bytes]:
    """Extensions of a good client, by type. A change is named after a constant of this module, in small
    letters; None leaves the extension out."""
    found = {
        SERVER_NAME: vector(b"\x00" + vector(b"localhost")),
        GROUPS: vector(struct.pack("!HH", X25519, P_256)),
        SIGNATURES: vector(bytes.fromhex("04030503060308040805080604010501")),
        PROTOCOLS: vector(vector(b"http/1.1", 1)),
        VERSIONS: vector(b"\x03\x04\x03\x03", 1),
        KEY_EXCHANGE_MODES: vector(b"\x01", 1),
        KEY_SHARE: share(),
    }
    for name, value in changes.items():
        found[globals()[name.upper()]] = value
    return {kind: body for kind, body in found.items() if body is not None}


def packed(found: dict[int, bytes]) -> bytes:
    return b"".join(struct.pack("!H", kind) + vector(body) for kind, body in found.items())


def message(extended: bytes | None = None, version: int = 0x0303, suites: bytes = SUITES,
            session: bytes = bytes(32), compression: bytes = b"\x00") -> bytes:
    """The whole handshake message. `extended`: packed extensions."""
    body = struct.pack("!H", version) + bytes(range(32)) + vector(session, 1) + vector(suites) + \
        vector(compression, 1) + vector(packed(extensions()) if extended is None else extended)
    return b"\x01" + vector(body, 3)


def hello(extended: bytes | None = None, **options) -> bytes:
    return record(HANDSHAKE, message(extended, **options), 0x0301)


def with_extensions(**changes: bytes | None) -> bytes:
    return hello(packed(extensions(**changes)))


def meaning(answer: bytes) -> str:
    """Names the answer of a server: "closed" for nothing, the name of an alert in clear, "hello" for its own
    hello without such an alert, or the status of plain HTTP."""
    if not answer:
        return "closed"
    if answer.startswith(b"HTTP/1.1 "):
        return answer.split(b" ", 2)[1].decode()
    kinds = []
    while len(answer) >= 5:
        kind, _, size = struct.unpack("!BHH", answer[:5])
        if kind == ALERT and size == 2:
            return _ALERTS.get(answer[6], f"alert {answer[6]}")
        kinds.append(kind)
        answer = answer[5 + size:]
    return "hello" if kinds[:1] == [HANDSHAKE] else f"records {kinds}"
