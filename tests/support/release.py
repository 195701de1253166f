# SPDX-License-Identifier: Apache-2.0
"""The release script for tests: its parts, and a key to sign with."""

from __future__ import annotations

from pathlib import Path

from .daemon import ShortDirectory, run_command

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "deploy/release.sh"


class SigningKey:
    """A key of gpg for one test, in a folder of its own."""

    identity = "release@test.invalid"

    def __init__(self):
        self._directory = ShortDirectory("gpg")  # its agent listens there
        self._directory.path.chmod(0o700)
        self.env = {"GNUPGHOME": str(self._directory.path)}
        run_command("gpg", "--batch", "--passphrase", "", "--quick-generate-key", f"Test <{self.identity}>",
                    "ed25519", "sign", "never", env=self.env)

    def remove(self) -> None:
        run_command("gpgconf", "--kill", "all", env=self.env, check=False)
        self._directory.remove()


def repository_of(package: Path, folder: Path, key: SigningKey) -> Path:
    """A signed repository with one package."""
    run_command(PROJECT / "deploy/release/repository.sh", folder, key.identity, package, env=key.env)
    return folder
