# SPDX-License-Identifier: Apache-2.0
"""Users, tokens and the credentials of requests."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import hashlib
import json
from pathlib import Path

BCRYPT = "$2y$04$" + "abcdefghijklmnopqrstuu"  # cost 4: the tests do not measure it
SHA_512 = "$6$rounds=1000$saltsaltsalt$"


def password_hash(password: str, setting: str = BCRYPT) -> str:
    """As libcrypt makes it."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = ctypes.c_char_p
    made = library.crypt(password.encode(), setting.encode())
    assert made and not made.startswith(b"*"), setting
    return made.decode()


def write_users(file: Path, users: dict[str, str], setting: str = BCRYPT) -> Path:
    """An htpasswd file of users and their passwords."""
    replacement = file.with_suffix(".new")
    replacement.write_text("".join(f"{user}:{password_hash(password, setting)}\n"
                                   for user, password in users.items()))
    replacement.chmod(0o600)
    replacement.rename(file)
    return file


def write_tokens(file: Path, tokens: dict[str, str], expires: str | None = None) -> Path:
    """A file of tokens by name, in the form of `entrepot token`."""
    replacement = file.with_suffix(".new")
    replacement.write_text(json.dumps({"tokens": [
        {"name": name, "sha256": hashlib.sha256(text.encode()).hexdigest(),
         "created": "2026-01-01T00:00:00Z", **({"expires": expires} if expires else {})}
        for name, text in tokens.items()]}))
    replacement.chmod(0o600)
    replacement.rename(file)
    return file


def basic(user: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
