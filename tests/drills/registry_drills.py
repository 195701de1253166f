# SPDX-License-Identifier: Apache-2.0
"""Drills with a registry that fails, and what stands between it and the mirror."""

from __future__ import annotations

import pytest

from drill import drill, becomes, grows
from scene import QUICK
from support import faults
from support.account import PASSWORD, USER
from support.checks import assert_error, assert_never_wrong, assert_whole, blob_target, manifest_target
from support.clock import LIBRARY, Clock
from support.gate import Gate
from support.names import Names
from support.tls import Authority, server_context

DUE = {"tags": {"fresh_for": "0s", "stale_for": "7d"}}
YEAR = 365 * 24 * 3600
OUTAGE = ("EntrepotServerErrors", "EntrepotUpstreamDown")


def failure(reason: str):
    return grows("endpoint_failures_total", upstream="docker.io", reason=reason)


@drill("dead registry",
       log=(r"warn .*docker\.io: {endpoint} does not answer \(.*connect.*\); check the network",),
       status=(r"fault: docker\.io: {endpoint}: does not answer: .*connect.*; check the network",
               r"{endpoint} +down +connect: "),
       state="down", error="connect", metric=failure("connect"), alerts=OUTAGE)
def dead(scene):
    scene.begin()
    scene.upstream.go_down()
    scene.fails(503, says="did not answer lately .*connect.*; since ")
    scene.pull_from_the_cache()


@drill("wrong certificate, then an expired one",
       log=(r"warn .*{endpoint} does not answer \(.*self.signed.*\); check its certificate",
            r"warn .*{endpoint} fails for another reason now \(.*expired.*\); check its certificate"),
       status=(r"fault: docker\.io: {endpoint}: does not answer: .*expired; check its certificate, the "
               r"upstream's ca_file and the clock",),
       state="down", error="tls", metric=failure("tls"), alerts=OUTAGE)
def certificate(scene):
    authority, lone = scene.use("authority"), Authority(scene.directory / "lone")
    upstream = scene.use("make_upstream")(tls=authority.server(name="good"))
    scene.begin(upstream, settings={"ca_file": str(authority.certificate)})
    upstream.tls = server_context(lone.certificate, scene.directory / "lone" / "ca.key")
    upstream.cut_connections()
    scene.fails(502, 503, says="self.signed")
    upstream.tls = authority.server(name="old", expired=True)
    scene.fails(502, 503, says="expired")
    scene.pull_from_the_cache()


def refused(scene) -> None:
    """Public content is pulled without the account; a private one that is stored is served stale."""
    scene.pull()
    answer = scene.entrepot.get(manifest_target("other"))
    assert_error(answer, 503)
    assert b"refuses the configured account" in answer.body


REFUSED = {
    "log": (r"error .*docker\.io: {endpoint} refuses the account .*robot.*401.*password_file.*SIGHUP",),
    "status": (r"fault: docker\.io: {endpoint}: refuses every account, as \"robot\".*password_file",
               r"{endpoint} +denied"),
    "state": "denied", "metric": becomes(1, "accounts_denied"), "alerts": ("EntrepotAccountDenied",)}


@drill("refused account (Basic)", **REFUSED)
def refused_by_basic(scene):
    upstream = scene.use("upstream")
    upstream.role.require_basic({USER: PASSWORD})
    scene.begin(upstream, settings={"credentials": scene.use("account"), **DUE})
    upstream.role.users = {USER: "another"}
    refused(scene)


@drill("refused account (token service)", **REFUSED)
def refused_by_token(scene):
    upstream = scene.use("upstream")
    upstream.role.require_bearer(users={USER: PASSWORD})
    scene.begin(upstream, settings={"credentials": scene.use("account"), **DUE})
    upstream.role.users = {}
    upstream.role.private.add("library/app")
    upstream.role.revoke_tokens()
    refused(scene)


@drill("rate limit (429)",
       log=(r"warn .*docker\.io: {endpoint} limits our rate \(429\).*credentials would raise the limit",),
       status=(r"fault: docker\.io: {endpoint}: limits the rate of requests \(429\).*; add an account",
               r"{endpoint} +rate-limited"),
       state="rate-limited", metric=failure("rate-limited"),
       alerts=("EntrepotRateLimited", "EntrepotServerErrors"))
def limited(scene):
    scene.begin()
    scene.upstream.script(faults.too_many_requests("60"))
    scene.fails(503, says="limited our rate|answered 429")
    scene.pull_from_the_cache()


@drill("few pulls left",
       log=(r"warn .*docker\.io: {endpoint} leaves 5 of 100 requests to the anonymous user; its rate limit is saved "
            r"from now on: another account or endpoint",),
       status=(r"warning: docker\.io: {endpoint}: grants only 5 more pulls.*; add an account",),
       well=True, metric=becomes(5, "ratelimit_remaining"), alerts=("EntrepotRateBudgetLow",))
def few_left(scene):
    scene.begin()
    scene.upstream.script(faults.together(faults.field("ratelimit-limit", "100;w=21600"),
                                          faults.field("ratelimit-remaining", "5;w=21600")))
    assert scene.get_new().status == 200
    scene.pull_from_the_cache()


@drill("login page",
       log=(r"warn .*{endpoint} answers, but its answers fail \(answered with an HTML page.*\); open the ",),
       status=(r"fault: docker\.io: {endpoint}: answers, but its answers fail: .*login page.*; open the ",),
       error="bad-upstream", metric=failure("bad-upstream"), alerts=("EntrepotServerErrors",))
def login_page(scene):
    scene.begin()
    scene.upstream.script(faults.html_page())
    scene.fails(502, says="HTML page.*login page")
    scene.pull_from_the_cache()


@drill("server errors (500)",
       log=(r"warn .*{endpoint} answers, but its answers fail \(.*500.*\); ask its operator",),
       status=(r"fault: docker\.io: {endpoint}: answers, but its answers fail: .*500.*; ask its operator",),
       error="server-error", metric=failure("server-error"), alerts=("EntrepotServerErrors",))
def server_errors(scene):
    scene.begin()
    scene.upstream.script(faults.status(500))
    scene.fails(503, says="500")
    scene.pull_from_the_cache()


@drill("wrong bytes",
       log=(r"error .*docker\.io: sha256:.* arrived from {endpoint} with another digest",),
       status=(r"warning: docker\.io: {endpoint}: has sent wrong bytes lately",
               r"bodies with another digest came in the last hour.*not served",
               r"error: docker\.io: sha256:.* arrived from {endpoint} with another digest"),
       well=True, state="suspect", metric=grows("digest_mismatches_total", upstream="docker.io"),
       alerts=("EntrepotDigestMismatch",))
def wrong_bytes(scene):
    scene.begin()
    blob = scene.new_blob()
    scene.upstream.script(faults.flip_byte(10), digest=blob.digest, method="GET", times=1)
    assert_never_wrong(scene.entrepot.get(blob_target(blob)), blob)
    assert_whole(scene.entrepot.get(blob_target(blob)), blob)


@drill("stall",
       log=(r"warn .*{endpoint} answers, but its answers fail \(.*\); check the network",),
       status=(r"fault: docker\.io: {endpoint}: answers, but its answers fail: .*; check the network",
               r"{endpoint} +working +stall: "),
       error="stall", metric=failure("stall"), alerts=("EntrepotServerErrors",))
def stall(scene):
    scene.begin(timeouts={**QUICK, "stall": "250ms"})
    gate = Gate()
    scene.upstream.script(faults.stall_after(1000, gate), kind="blob", method="GET")
    try:
        # Together, because each is tried again several times.
        blobs = [scene.new_blob() for _ in range(3)]
        downloads = [scene.entrepot.download(blob_target(blob)) for blob in blobs]
        for download in downloads:
            assert download.finish().status == 503
    finally:
        gate.open()
    scene.pull_from_the_cache()


@drill("no name service",
       log=(r"warn .*docker\.io: registry\.test:\d+ does not answer \(.*registry\.test.*\); check the name service",),
       status=(r"fault: docker\.io: registry\.test:\d+: does not answer: .*registry\.test.*; check the name "
               r"service of this machine",),
       state="down", error="dns", metric=failure("dns"), alerts=OUTAGE)
def no_names(scene):
    names = Names(scene.directory)
    scene.use("monkeypatch").setenv("ENTREPOT_BINARY", str(names.wrapper))
    upstream = scene.use("upstream")
    scene.begin(upstream, settings={"endpoint": f"http://registry.test:{upstream.port}"}, ready=False)
    scene.fails(503, says="registry.test")


def wrong_clock(scene, seconds: int, says: str) -> None:
    if LIBRARY is None:
        pytest.skip("libfaketime is missing: apt-get install faketime")
    clock = Clock(scene.directory / "offset")
    scene.use("request").addfinalizer(clock.remove)
    authority = scene.use("authority")
    upstream = scene.use("make_upstream")(tls=authority.server(name=f"clock{seconds}"))
    scene.begin(upstream, settings={"ca_file": str(authority.certificate), **DUE}, clock=clock)
    clock.step(seconds)
    upstream.cut_connections()
    scene.fails(502, 503, says=says)
    scene.pull_by_digest()
    assert scene.entrepot.metrics().sum("cache_evictions_total") == 0


@drill("clock a year ahead",
       log=(r"warn .*{endpoint} does not answer \(.*expired.*\); check its certificate.* and the clock of this",),
       status=(r"fault: docker\.io: {endpoint}: does not answer: .*expired.* and the clock of this machine",),
       state="down", error="tls", metric=failure("tls"), alerts=OUTAGE)
def clock_ahead(scene):
    wrong_clock(scene, YEAR, "expired")


@drill("clock a year behind",
       log=(r"warn .*{endpoint} does not answer \(.*not yet valid.*\); check its certificate.* and the clock of",),
       status=(r"fault: docker\.io: {endpoint}: does not answer: .*not yet valid.* and the clock of this machine",),
       state="down", error="tls", metric=failure("tls"), alerts=OUTAGE)
def clock_behind(scene):
    wrong_clock(scene, -YEAR, "not yet valid")


