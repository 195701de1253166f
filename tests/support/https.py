# SPDX-License-Identifier: Apache-2.0
"""HTTPS clients: the client of support/client.py over TLS, and bare handshakes."""

from __future__ import annotations

import hashlib
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path

from . import client
from .tls import Authority

ANY_CIPHER = "ALL:@SECLEVEL=0"


def trusting(certificate: Path, only: ssl.TLSVersion | None = None,
             ciphers: str | None = None, protocols=(),
             own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """A client's context that trusts one authority. `own`: the client's certificate and key."""
    context = ssl.create_default_context(cafile=str(certificate))
    if own:
        context.load_cert_chain(*own)
    if ciphers:
        context.set_ciphers(ciphers)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if only is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = only
    return context


@dataclass
class Connection(client.Connection):
    """A connection over TLS; the constructor shakes hands."""

    context: ssl.SSLContext | None = None
    server_name: str = "localhost"
    session: ssl.SSLSession | None = None

    def __post_init__(self):
        super().__post_init__()
        try:
            self.socket = self.context.wrap_socket(self.socket, server_hostname=self.server_name,
                                                   session=self.session)
        except BaseException:
            self.socket.close()
            raise

    @property
    def certificate(self) -> str:
        """SHA-256 of the server's certificate."""
        return hashlib.sha256(self.socket.getpeercert(binary_form=True)).hexdigest()


def get(port: int, target: str, context: ssl.SSLContext, method: str = "GET", headers=(),
        **options) -> client.Response:
    with Connection(port, context=context, **options) as connection:
        connection.send_request(method, target, headers)
        return connection.read_response(method)


def client_hello(server_name: str = "localhost") -> bytes:
    """The first bytes of a client."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    half = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    try:
        half.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of a PEM file, as Connection.certificate."""
    text = certificate.read_text()
    end = "-----END CERTIFICATE-----"
    first = text[text.index("-----BEGIN CERTIFICATE-----"):text.index(end) + len(end)]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def listening(*pairs: tuple[Path, Path], address: str = "127.0.0.1:0", **tls) -> dict:
    """The configuration of a listener with these certificates and keys. `tls`: further keys."""
    return {"address": address, "tls": {"certificates": [
        {"certificate": str(certificate), "key": str(key)} for certificate, key in pairs], **tls}}


__all__ = ["ANY_CIPHER", "Authority", "Connection", "client_hello", "fingerprint", "get",
           "listening", "trusting"]
