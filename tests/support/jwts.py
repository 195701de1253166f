# SPDX-License-Identifier: Apache-2.0
"""Issuers of JSON Web Tokens: their keys, and the tokens that they sign."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

ISSUER = "https://issuer.example"
AUDIENCE = "entrepot"
SUBJECT = "system:serviceaccount:ci:builder"


def encode(part) -> str:
    """Base64url of bytes, or of a value as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def claims(**more) -> dict:
    """Claims that are accepted; None removes one."""
    now = int(time.time())
    every = {"iss": ISSUER, "aud": [AUDIENCE], "sub": SUBJECT, "iat": now, "nbf": now,
             "exp": now + 3600,
             "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "builder"}}, **more}
    return {name: value for name, value in every.items() if value is not None}


class Key:
    """A private key for one algorithm: "RS256", "PS384", "ES256", "EdDSA"."""

    def __init__(self, algorithm: str, kid: str | None = None):
        self.algorithm, self.kid = algorithm, kid
        if algorithm == "EdDSA":
            self._key = ed25519.Ed25519PrivateKey.generate()
        elif algorithm.startswith("ES"):
            self._key = ec.generate_private_key(
                ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())
        else:
            self._key = rsa.generate_private_key(65537, 2048)

    def pem(self) -> bytes:
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def jwk(self) -> dict:
        public = self._key.public_key()
        name = {"kid": self.kid} if self.kid else {}
        if self.algorithm == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": encode(raw), **name}
        numbers = public.public_numbers()
        if self.algorithm.startswith("ES"):
            size = public.key_size // 8
            return {"kty": "EC", "crv": f"P-{public.key_size}",
                    "x": encode(numbers.x.to_bytes(size, "big")),
                    "y": encode(numbers.y.to_bytes(size, "big")), **name}
        return {"kty": "RSA", "use": "sig", "n": encode(numbers.n.to_bytes(256, "big")),
                "e": encode(b"\1\0\1"), **name}

    def sign(self, text: bytes) -> bytes:
        if self.algorithm == "EdDSA":
            return self._key.sign(text)
        digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[
            self.algorithm[2:]]()
        if self.algorithm.startswith("ES"):
            size = self._key.key_size // 8
            r, s = utils.decode_dss_signature(self._key.sign(text, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return self._key.sign(
            text, pss if self.algorithm.startswith("PS") else padding.PKCS1v15(), digest)

    def token(self, payload: dict | bytes | None = None, **header) -> str:
        """`header`: further members; None removes one."""
        members = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **header}
        members = {name: value for name, value in members.items() if value is not None}
        text = encode(members) + "." + encode(claims() if payload is None else payload)
        return text + "." + encode(self.sign(text.encode()))


def hmac_token(secret: bytes) -> str:
    """A token with a signature that everybody can make who knows the public key."""
    text = encode({"alg": "HS256", "typ": "JWT"}) + "." + encode(claims())
    signature = hmac.HMAC(secret, hashes.SHA256())
    signature.update(text.encode())
    return text + "." + encode(signature.finalize())


def write_keys(file: Path, *keys: Key) -> Path:
    """A JWK Set."""
    replacement = file.with_suffix(".new")
    replacement.write_text(json.dumps({"keys": [key.jwk() for key in keys]}))
    replacement.rename(file)
    return file
