# SPDX-License-Identifier: Apache-2.0
"""Checks that many scenarios share."""

from __future__ import annotations

from . import content
from .client import Response

REPOSITORY = "library/app"


def blob_target(blob, repository: str = REPOSITORY) -> str:
    return f"/v2/{repository}/blobs/{blob.digest}"


def manifest_target(reference, repository: str = REPOSITORY) -> str:
    return f"/v2/{repository}/manifests/{getattr(reference, 'digest', reference)}"


def assert_whole(response: Response, expected: content.Blob | content.Manifest) -> None:
    """Requires a complete response with the right bytes."""
    assert response.status == 200, (response.status, response.body[:300])
    assert response.complete, f"cut after {response.received} of {expected.size}"
    assert response.sha256 == content.digest_of(expected.data)
    assert response.headers["Content-Length"] == str(expected.size)
    assert response.headers["Docker-Content-Digest"] == expected.digest


def assert_never_wrong(response: Response, expected: content.Blob) -> None:
    """Requires an error, a body cut short, or the right bytes; never other bytes of full length."""
    if response.status == 200 and response.received >= expected.size:
        assert response.sha256 == content.digest_of(expected.data), "wrong bytes delivered whole"
    elif response.status == 200:
        assert not response.complete
    else:
        assert_error(response, response.status)


def assert_error(response: Response, *statuses: int, code: str | None = None) -> None:
    """Requires an error in OCI form, delivered whole."""
    assert response.status in statuses, (response.status, response.body[:300])
    assert response.status >= 400 and response.complete
    assert response.headers["Content-Type"] == "application/json"
    assert response.code
    if code:
        assert response.code == code


def assert_hit(response: Response, expected) -> None:
    assert_whole(response, expected)
    assert "; hit" in response.outcome, response.outcome


def assert_read_before_its_end(connection, blob: content.Blob, gate) -> None:
    """The client reads nearly half of a blob while the upstream holds the other half at the gate."""
    connection.send_request("GET", blob_target(blob))
    response = connection.read_head()
    body = b""
    while len(body) < blob.size // 2 - 300 * content.KIB:
        body += connection.receive()
    gate.open()
    while len(body) < blob.size:
        body += connection.receive()
    assert response.status == 200 and body == blob.data
