# SPDX-License-Identifier: Apache-2.0
"""A certificate authority made at run time, and server contexts with its good and bad leaves."""

from __future__ import annotations

import ssl
import subprocess
import warnings
from pathlib import Path


def _openssl(*arguments: str) -> None:
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"openssl {' '.join(arguments)}: {result.stderr}"


class Authority:
    """A private CA in a directory; clients are configured to trust `certificate`."""

    def __init__(self, directory: Path):
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca.key"
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "2",
                 "-subj", "/CN=Entrepot test CA",
                 # Python 3.13 refuses an authority without it.
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(self._key),
                 "-out", str(self.certificate))

    def leaf(self, name: str = "leaf", hosts=("IP:127.0.0.1", "DNS:localhost"),
             expired: bool = False, digest: str = "sha256",
             key_type: str = "rsa:2048", days: int = 2, subject: str = "",
             usage: str = "") -> tuple[Path, Path]:
        """Certificate chain and key for the hosts. `key_type`: "rsa:BITS" or "ec"; `usage`: the
        extended key usage."""
        base = self._directory / name
        key, request, certificate = (base.with_suffix(s) for s in (".key", ".csr", ".pem"))
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={','.join(hosts)}\n" +
                              (f"extendedKeyUsage={usage}\n" if usage else ""))
        curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if key_type == "ec" else []
        _openssl("req", "-newkey", key_type, *curve, "-nodes", "-subj",
                 subject or f"/CN={name}",
                 "-keyout", str(key), "-out", str(request))
        # openssl x509 takes no start date before 3.4, but a negative number of days.
        _openssl("x509", "-req", "-in", str(request), "-CA", str(self.certificate),
                 "-CAkey", str(self._key), "-CAcreateserial", f"-{digest}",
                 "-days", "-1" if expired else str(days), "-extfile", str(extensions),
                 "-out", str(certificate))
        return certificate, key

    def server(self, **leaf) -> ssl.SSLContext:
        return server_context(*self.leaf(**leaf))


def server_context(certificate: Path, key: Path, only: ssl.TLSVersion | None = None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Allows weak certificates too: the client must refuse them, not this server.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(certificate, key)
    if only is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = only
    return context
