# SPDX-License-Identifier: Apache-2.0
"""The responses to clients when the registry refuses a request or is unreachable."""

import json

import pytest

from support import content, faults
from support.account import PASSWORD, USER
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target

DUE = {"fresh_for": "0s", "stale_for": "1d"}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


POLICY = "Vulnerable: 3 critical \u202e findings\r\n\x1b[31m\x00"


def refusal(code: int, message: str = POLICY) -> faults.Fault:
    return faults.status(code, json.dumps(
        {"errors": [{"code": "PROJECTPOLICYVIOLATION", "message": message}]}).encode())


# The mirror's status for each status of the registry. A 4xx that makes engines do something else
# than stop becomes a 403.
REFUSALS = {400: 400, 402: 402, 403: 403, 407: 403, 412: 412, 418: 403, 422: 422, 451: 451}


@pytest.mark.parametrize("code", REFUSALS)
def test_the_reason_of_a_policy_reaches_the_client(start, upstream, image, code):
    rule = upstream.script(refusal(code), method="GET")
    entrepot = start()
    for target in (manifest_target("latest"), manifest_target(image.manifest),
                   blob_target(image.config)):
        response = entrepot.get(target)
        assert_error(response, REFUSALS[code], code="DENIED")
        assert "3 critical" in response.json()["errors"][0]["message"]
        assert response.headers["Cache-Control"] == "no-store"
        assert "WWW-Authenticate" not in response.headers
        assert response.body.isascii() and not {0, 13, 27} & set(response.body)
        assert b"u202e" not in response.body and b"u001b" not in response.body
    rule.cancel()
    assert_whole(entrepot.get(blob_target(image.config)), image.config)
    assert entrepot.log.text.isascii() and "\x1b" not in entrepot.log.text
    assert "3 critical" in entrepot.log.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"errors":[{"message":7},3,{}]}',
                                  b'{"errors":[{"message":"' + b"x" * 20_000 + b'"}]}',
                                  b'{"errors":' + b"[" * 5000], ids=range(6))
def test_a_refusal_without_a_reason(start, upstream, image, body):
    upstream.script(faults.status(412, body), method="GET", kind="manifest")
    upstream.script(faults.status(418, body), method="GET", kind="blob")
    entrepot = start()
    assert_error(entrepot.get(manifest_target("latest")), 412, code="DENIED")
    assert_error(entrepot.get(blob_target(image.config)), 502)


@pytest.mark.parametrize("size", [4096, 3 << 20])
def test_a_range_behind_the_object_is_no_policy(start, upstream, size):
    """A registry that announces more bytes than it has refuses the range request for the rest."""
    blob = content.blob(size)
    upstream.add_blob(REPOSITORY, blob)
    upstream.script(faults.content_length(size + 100), method="GET", kind="blob", times=1)
    entrepot = start()
    response = entrepot.get(blob_target(blob))
    if size == 4096:
        assert_error(response, 502)
    else:  # the client has the head already
        assert not response.complete
    entrepot.log.wait_for("answered 416; it lacks bytes of the size it announced")
    assert_whole(entrepot.get(blob_target(blob)), blob)


@pytest.mark.parametrize("code, told", [(412, 412), (400, 400), (406, 403), (409, 403), (422, 422)])
def test_a_policys_refusal_is_not_hidden_by_a_copy(start, upstream, image, code, told):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    rule = upstream.script(refusal(code))
    for _ in range(2):
        response = entrepot.get(manifest_target("latest"))
        assert_error(response, told, code="DENIED")
        assert b"3 critical" in response.body
    rule.cancel()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


@pytest.mark.parametrize("code", [400, 403, 409, 412])
@pytest.mark.parametrize("media_type", ["text/plain; charset=utf-8", ""])
def test_reads_a_reason_that_is_not_labelled_json(start, upstream, code, media_type):
    """Go's http.Error() labels every document text/plain."""
    document = json.dumps({"errors": [{"code": "DENIED", "message": "3 critical"}]}).encode()
    upstream.script(faults.status(code, document, media_type))
    response = start().get(manifest_target("latest"))
    assert 400 <= response.status < 500 and b"3 critical" in response.body


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_logs_that_the_password_is_wrong(start, upstream, account, scheme):
    users = {USER: PASSWORD + "x"}
    if scheme == "basic":
        upstream.role.require_basic(users)
    else:
        upstream.role.require_bearer(users=users)
    upstream.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start({"registry.test": {"endpoint": upstream, "internal": True,
                                        "credentials": account}})
    assert_error(entrepot.get(manifest_target("latest")), 503)
    entrepot.log.wait_for("answered 401")


def test_the_first_503_has_a_retry_after(start, upstream, image):
    entrepot = start()
    upstream.go_down()
    for target in (manifest_target("latest"), blob_target(image.config),
                   f"/v2/{REPOSITORY}/tags/list", f"/v2/{REPOSITORY}/referrers/{image.manifest.digest}"):
        response = entrepot.get(target)
        assert_error(response, 503)
        assert 1 <= int(response.headers["Retry-After"]) <= 30


def test_a_503_of_the_registry_has_a_retry_after(start, upstream, image):
    upstream.script(faults.status(503))
    response = start().get(manifest_target("latest"))
    assert_error(response, 503)
    assert int(response.headers["Retry-After"]) >= 1
