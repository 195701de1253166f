# SPDX-License-Identifier: Apache-2.0
"""The last error of an endpoint, since when, and in every place where a person looks: the log, the
API and the answer of the client. And `entrepot check`, which finds the cause before."""

from __future__ import annotations

import json

import pytest

from support import content, faults
from support.account import PASSWORD, USER
from support.checks import REPOSITORY, assert_error, assert_whole, manifest_target
from support.config import settings
from support.entrepot import run
from support.gate import eventually
from support.tls import Authority, server_context


def last_error(entrepot, number: int = 0) -> dict | None:
    document = json.loads(entrepot.admin("/api/v1/upstreams").body)
    return document["upstreams"][0]["endpoints"][number]["last_error"]


def ask_until(entrepot, pattern: str) -> None:
    """Requests objects that are not stored until the log has a line."""
    def asked() -> bool:
        entrepot.get(manifest_target("missing"))
        return entrepot.log.search(pattern) is not None
    eventually(asked, what=f"a line like {pattern!r}")


def lines(entrepot, text: str) -> list[str]:
    return [line for line in entrepot.log_now() if text in line and " warn " in line]


def test_a_changed_reason_is_a_new_line(start, make_upstream, authority, tmp_path):
    """A certificate that nobody signed, and then one that has expired."""
    lone = Authority(tmp_path / "lone")
    upstream = make_upstream(tls=server_context(lone.certificate, tmp_path / "lone" / "ca.key"))
    upstream.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start({"docker.io": {"endpoint": upstream, "ca_file": str(authority.certificate)}})
    assert last_error(entrepot) is None
    ask_until(entrepot, r"warn .*does not answer \(.*self.signed")
    assert last_error(entrepot)["reason"] == "tls" and "self" in last_error(entrepot)["text"]
    upstream.tls = authority.server(name="expired", expired=True)
    ask_until(entrepot, r"warn .*fails for another reason now \(.*expired")
    error = last_error(entrepot)
    assert "expired" in error["text"] and not error["over"]
    assert error["since_seconds"] >= error["seconds_ago"] >= 0
    upstream.tls = authority.server(name="good")
    ask_until(entrepot, r"info .*answers again")
    assert last_error(entrepot)["over"]
    assert len(lines(entrepot, "does not answer")) == 1
    assert len(lines(entrepot, "for another reason")) == 1


def test_the_503_of_a_closed_circuit_has_the_reason(start, upstream):
    entrepot = start()
    upstream.go_down()
    ask_until(entrepot, r"warn .*does not answer")
    def has_reason() -> bool:
        response = entrepot.get(manifest_target("missing"))
        assert_error(response, 503, code="UNAVAILABLE")
        return b"did not answer lately (" in response.body and b"; since " in response.body
    eventually(has_reason, what="an answer without a request upstream")
    assert last_error(entrepot)["reason"] == "connect"


def test_a_login_page_is_called_one(start, upstream):
    upstream.script(faults.html_page())
    entrepot = start()
    response = entrepot.get(manifest_target("latest"))
    assert_error(response, 502)
    for word in (b"HTML page", b"login page", b"/v2/"):
        assert word in response.body
    assert last_error(entrepot)["reason"] == "bad-upstream"
    assert "login page" in last_error(entrepot)["text"]
    ask_until(entrepot, r"warn .*its answers fail \(answered with an HTML page")


def test_an_endpoint_that_works_again_is_logged(start, upstream):
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    page = upstream.script(faults.html_page())
    entrepot = start()
    ask_until(entrepot, r"warn .*its answers fail")
    page.cancel()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    entrepot.log.wait_for(r"info .*works again")
    assert last_error(entrepot)["over"]


def test_missing_objects_are_no_errors(start, upstream):
    upstream.script(faults.status(403), match=lambda r: r.repository == "library/secret")
    entrepot = start()
    for number in range(6):
        assert entrepot.get(manifest_target(f"missing-{number}")).status == 404
        entrepot.get(manifest_target("latest", "library/secret"))
    assert last_error(entrepot) is None
    assert not lines(entrepot, "its answers fail")


# entrepot check


@pytest.fixture
def check(tmp_path):
    """Runs `entrepot check` for these upstreams."""
    def run_check(upstreams: dict, *options: str):
        config = tmp_path / "check.json"
        config.write_text(json.dumps(settings(tmp_path / "cache", upstreams)))
        return run("check", "--config", str(config), *options)
    return run_check


@pytest.mark.parametrize("path", ["/v2", "/v2/", "/repository/docker/v2/"])
def test_check_names_a_wrong_path(check, upstream, path):
    done = check({"docker.io": {"endpoints": [{"url": upstream.url + path}]}})
    assert done.returncode == 78
    assert "ends with /v2, which Entrepot adds itself" in done.stderr
    assert upstream.url + path.removesuffix("/").removesuffix("/v2") + "\n" in done.stderr


def test_check_asks_nobody_unless_told(check, upstream):
    assert check({"docker.io": upstream}).returncode == 0
    assert upstream.connections_seen == 0


def test_online_all_good(check, upstream, make_upstream, account):
    upstream.role.require_bearer(users={USER: PASSWORD})
    other = make_upstream()
    done = check({"docker.io": {"endpoint": upstream, "credentials": account},
                  "ghcr.io": other}, "--online")
    assert done.returncode == 0, done.stdout + done.stderr
    for step in ("connection", f"account {USER}", "pull"):
        assert f"docker.io: {upstream.address}: {step}: good: " in done.stdout
    assert f"ghcr.io: {other.address}: pull: good: " in done.stdout
    assert "2 of 2 endpoints are good" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


def dead(upstream, _authority):
    upstream.go_down()
    return "connection: BAD: ", "check the network"


def expired(upstream, authority):
    upstream.tls = authority.server(name="expired", expired=True)
    return "connection: BAD: ", "expired"


def unknown_authority(upstream, _authority):
    return "connection: BAD: ", "ca_file"


def page(upstream, _authority):
    upstream.script(faults.html_page())
    return "connection: BAD: ", "login page"


def page_for_content(upstream, _authority):
    upstream.script(faults.html_page(), kind="manifest")
    return "pull: BAD: ", "login page"


def wrong_password(upstream, _authority):
    upstream.role.require_bearer(users={USER: "another"})
    return f"account {USER}: BAD: ", "correct its username or its password_file"


def wrong_basic_password(upstream, _authority):
    upstream.role.require_basic({USER: "another"})
    return f"account {USER}: BAD: ", "answered 401"


def token_server_down(upstream, _authority):
    upstream.role.require_bearer(users={USER: PASSWORD})
    upstream.script(faults.status(500), kind="token")
    return f"account {USER}: BAD: ", "answered 500"


def token_server_closes(upstream, _authority):
    upstream.role.require_bearer(users={USER: PASSWORD})
    upstream.script(faults.raw(b""), kind="token")
    return f"account {USER}: BAD: ", "its token server gave no response"


def page_of_a_token_server(upstream, _authority):
    upstream.role.require_bearer(users={USER: PASSWORD})
    upstream.script(faults.html_page(), kind="token")
    return f"account {USER}: BAD: ", "its token server answered 200 without a token"


def page_of_an_error(status):
    def trouble(upstream, _authority):
        upstream.script(faults.html_page(status))
        return "connection: BAD: ", "HTML page"
    trouble.__name__ = f"page_with_{status}"
    return trouble


def refused_to_everybody(upstream, _authority):
    upstream.script(faults.status(403))
    return "connection: BAD: ", "block this machine"


def no_registry(upstream, _authority):
    upstream.script(faults.status(404))
    return "pull: BAD: ", "no registry is there"


def no_manifest(upstream, _authority):
    upstream.script(faults.status(200, b"{}"))
    return "pull: BAD: ", "with no manifest"


def wrong_password_where_the_base_is_open(upstream, _authority):
    upstream.role.require_basic({USER: "another"})
    upstream.role.open = {""}
    return "pull: BAD: ", "whether the account or this repository is refused"


def server_error(upstream, _authority):
    upstream.script(faults.status(503), kind="manifest")
    return "pull: BAD: ", "answered 503"


@pytest.mark.parametrize("trouble", [
    dead, expired, unknown_authority, page, page_for_content, wrong_password,
    wrong_basic_password, token_server_down, token_server_closes, page_of_a_token_server,
    server_error, page_of_an_error(403),
    page_of_an_error(404), refused_to_everybody, no_registry, no_manifest,
    wrong_password_where_the_base_is_open], ids=lambda trouble: trouble.__name__)
def test_online_names_the_trouble(check, make_upstream, authority, account, trouble):
    secure = trouble in (expired, unknown_authority)
    upstream = make_upstream(tls=authority.server() if secure else None)
    step, text = trouble(upstream, authority)
    ca_file = {} if trouble is unknown_authority or not secure else {
        "ca_file": str(authority.certificate)}
    done = check({"docker.io": {"endpoint": upstream, "credentials": account, **ca_file}},
                 "--online")
    assert done.returncode == 1, done.stdout + done.stderr
    line = next((line for line in done.stdout.splitlines() if "BAD" in line), "")
    assert f"docker.io: {upstream.address}: {step}" in line and text in line, done.stdout
    assert "0 of 1 endpoints are good" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    assert "SIGHUP" not in done.stderr, "no server runs"



@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_online_misses_an_account(check, upstream, scheme):
    """A registry that lets nobody in without one."""
    if scheme == "basic":
        upstream.role.require_basic({USER: PASSWORD})
    else:
        upstream.role.require_bearer(users={USER: PASSWORD})
    done = check({"docker.io": upstream}, "--online")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "pull: BAD: " in done.stdout and "configure its credentials" in done.stdout


def test_online_a_public_registry_without_the_image(check, upstream):
    """It gives anonymous tokens, and answers 401 for what does not exist."""
    upstream.role.require_bearer()
    upstream.role.private.add("library/hello-world")
    done = check({"docker.io": upstream}, "--online")
    assert done.returncode == 0, done.stdout + done.stderr
