# SPDX-License-Identifier: Apache-2.0
"""Metrics, log and health: the view of an operator."""

import contextlib
import json
import math
import os
import re
import signal
import time
from pathlib import Path

import pytest

from support import client, content, faults, ports
from support.checks import (REPOSITORY, assert_error, assert_whole, blob_target, manifest_target)
from support.entrepot import run
from support.gate import Gate, eventually

LATEST = manifest_target("latest")

# Every metric by name, with the labels its series have.
METRICS = {
    "requests_total": {"upstream", "kind", "outcome", "code"},
    "response_bytes_total": {"upstream", "outcome"},
    "request_duration_seconds": {"outcome"},
    "time_to_first_byte_seconds": {"outcome"},
    "not_hit_total": {"upstream", "reason"},
    "connections": set(),
    "connections_limit": set(),
    "connections_refused_total": set(),
    "clients_limited_total": {"reason"},
    "forwarded_clients_total": {"result"},
    "logins_total": {"result"},
    "access_refused_total": {"reason"},
    "denials": set(),
    "flights": set(),
    "transfers": {"upstream"},
    "transfers_queued": {"upstream"},
    "transfers_dropped_total": {"upstream", "reason"},
    "loop_lag_seconds": {"loop"},
    "store_jobs_queued": set(),
    "job_failures_total": {"pool"},
    "handovers_total": {"result"},
    "reloads_total": {"result"},
    "tls_handshakes_total": {"result"},
    "tls_kernel_connections_total": set(),
    "upstream_requests_total": {"upstream", "endpoint", "kind", "code"},
    "upstream_bytes_total": {"upstream", "endpoint"},
    "upstream_time_to_first_byte_seconds": {"upstream", "endpoint"},
    "endpoint_up": {"upstream", "endpoint"},
    "endpoint_failures_total": {"upstream", "endpoint", "reason"},
    "endpoint_bytes_per_second": {"upstream", "endpoint"},
    "hedges_total": {"upstream", "endpoint"},
    "ratelimit_remaining": {"upstream", "endpoint"},
    "ratelimit_limit": {"upstream", "endpoint"},
    "cache_bytes": set(),
    "cache_max_bytes": set(),
    "cache_objects": {"kind"},
    "disk_free_bytes": set(),
    "disk_reserve_bytes": set(),
    "index_memory_bytes": set(),
    "index_live_bytes": set(),
    "index_dead_bytes": set(),
    "index_compactions_total": set(),
    "cache_evicted_bytes_total": set(),
    "cache_evictions_total": {"reason"},
    "digest_mismatches_total": {"upstream", "endpoint"},
    "fills_resumed_total": set(),
    "cache_repeated_reads_total": set(),
    "last_request_timestamp_seconds": {"engine", "network"},
    "disk_errors_total": {"operation"},
    "bypass_total": {"reason"},
    "scrubbed_bytes_total": set(),
    "scrub_progress_ratio": set(),
    "build_info": {"version", "commit"},
}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((400_000,)), "latest")


@pytest.mark.parametrize("name", METRICS)
def test_present_from_the_start(start, name):
    samples = start().metrics()
    kind = samples.types[f"entrepot_{name}"]
    assert samples.helps[f"entrepot_{name}"], "every metric says what it is"
    found = samples.named(f"{name}_count" if kind == "histogram" else name)
    assert found, f"no series of entrepot_{name}"
    for labels, value in found:
        assert set(labels) == METRICS[name]
        if kind != "gauge" and name != "loop_lag_seconds":  # these are never at rest
            assert value == 0


def test_exposition_is_well_formed(start, image):
    entrepot = start()
    assert_whole(entrepot.get(LATEST), image.manifest)
    response = entrepot.admin("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = entrepot.metrics()
    assert len(samples.samples) == len({(n, tuple(sorted(l.items()))) for n, l, _ in
                                        samples.samples}), "a series twice"
    for label_set in (labels for _, labels, _ in samples.samples):
        assert not any(REPOSITORY in value or "sha256:" in value for value in label_set.values())


def test_counts(start, upstream, image):
    entrepot = start()
    assert_whole(entrepot.get(LATEST), image.manifest)
    for _ in range(3):
        assert_whole(entrepot.get(LATEST), image.manifest)
    layer = image.layers[0]
    assert_whole(entrepot.get(blob_target(layer)), layer)
    assert_whole(entrepot.get(blob_target(layer)), layer)
    assert_error(entrepot.get(manifest_target("nope")), 404)
    assert_error(entrepot.get(f"/v2/{REPOSITORY}/blobs/bad"), 400)
    assert_error(entrepot.request("DELETE", LATEST), 405)
    assert entrepot.get("/v2/").status == 200
    entrepot.get("/v2/app/manifests/latest?ns=unknown.test")

    # A request is counted after its reply, a moment after the client has it.
    eventually(lambda: entrepot.metrics().sum("requests_total") == 11, what="eleven requests")
    metrics = entrepot.metrics()

    def requests(**labels) -> float:
        return metrics.sum("requests_total", **labels)
    hub = {"upstream": "docker.io"}
    assert requests(**hub, kind="manifest", outcome="miss", code=200) == 1
    assert requests(**hub, kind="manifest", outcome="hit", code=200) == 3
    assert requests(**hub, kind="blob", outcome="miss", code=200) == 1
    assert requests(**hub, kind="blob", outcome="hit", code=200) == 1
    assert requests(**hub, kind="manifest", code=404) == 1
    assert requests(outcome="refused", code=400) == 1
    assert requests(outcome="refused", code=405) == 1
    assert requests(kind="ping", code=200) == 1
    assert requests(upstream="none", code=404) == 1
    assert requests() == 11
    assert metrics.sum("response_bytes_total", **hub, outcome="hit") == (
        3 * image.manifest.size + layer.size)
    assert metrics.sum("request_duration_seconds_count") == 11
    assert metrics.sum("request_duration_seconds_count", outcome="hit") >= 4
    upstream.assert_sent(metrics.sum("upstream_bytes_total", **hub),
                         [r for r in upstream.requests() if r.reference != "nope"])
    assert metrics.sum("upstream_requests_total", **hub) == upstream.count()
    assert metrics.sum("upstream_requests_total", **hub, kind="blob", code=200) == 1
    assert metrics.sum("endpoint_up", **hub) == 1


def test_cache_gauges(start, image):
    entrepot = start(cache={"max_size": "3GiB"})
    assert entrepot.metrics().sum("cache_max_bytes") == 3 * 1024**3
    for target in (LATEST, *(blob_target(blob) for blob in image.blobs)):
        assert entrepot.get(target).status == 200
    stored = sum(blob.size for blob in image.blobs)
    eventually(lambda: entrepot.metrics().sum("cache_bytes") >= stored, what="the stored bytes")
    def is_the_usage_of_the_disk() -> bool:
        files = (entrepot.directory / "cache").rglob("*")
        used = sum(file.stat().st_blocks * 512 for file in files if file.is_file())
        return abs(entrepot.metrics().sum("cache_bytes") - used) <= 0.01 * used + 8192
    eventually(is_the_usage_of_the_disk, what="the bytes that du counts, within 1 %")
    for kind, count in (("blob", len(image.blobs)), ("manifest", 1), ("tag", 1)):
        eventually(lambda: entrepot.metrics().sum("cache_objects", kind=kind) == count, what=kind)
    entrepot.restart()
    for kind, count in (("blob", len(image.blobs)), ("manifest", 1), ("tag", 1)):
        eventually(lambda: entrepot.metrics().sum("cache_objects", kind=kind) == count, what=kind)


def test_gauges_of_current_work(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * content.MIB))
    gate = Gate()
    upstream.script(faults.hold_at(content.MIB, gate), kind="blob", method="GET")
    entrepot = start()
    downloads = [entrepot.download(blob_target(blob)) for _ in range(3)]
    for download in downloads:
        download.wait_received(content.MIB)
    metrics = entrepot.metrics()
    assert metrics.sum("flights") == 1 and metrics.sum("connections") >= 3
    eventually(lambda: entrepot.metrics().sum("transfers", upstream="docker.io") == 1,
               what="one transfer")
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), blob)
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
    eventually(lambda: entrepot.metrics().sum("connections") <= 1, what="no connections")
    eventually(lambda: entrepot.metrics().sum("transfers") == 0, what="no transfers")


def test_transfers_that_wait(start, upstream):
    """64 requests at once may go to an upstream; the others wait."""
    gate = Gate()
    upstream.script(faults.hold_at(0, gate), kind="blob", method="GET")
    blobs = [upstream.add_blob(REPOSITORY, content.blob(1024, seed=n)) for n in range(100)]
    entrepot = start()
    downloads = [entrepot.download(blob_target(blob)) for blob in blobs]

    def all_there() -> bool:
        metrics = entrepot.metrics()
        under_way, waiting = metrics.sum("transfers"), metrics.sum("transfers_queued")
        return under_way + waiting == 100 and waiting > 0
    eventually(all_there, what="some under way, some waiting")
    gate.open()
    for download, blob in zip(downloads, blobs):
        assert_whole(download.finish(), blob)
    eventually(lambda: entrepot.metrics().sum("transfers_queued") == 0, what="no waiting transfer")


def test_outcomes_other_than_hit_have_reasons(start, upstream, image):
    entrepot = start(upstreams={"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "0s"}}})
    for _ in range(2):
        assert entrepot.get(blob_target(image.layers[0]), keep=False).status == 200
    assert_whole(entrepot.get(LATEST), image.manifest)
    upstream.go_down()
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert_error(entrepot.get("/v2/UPPER/manifests/latest"), 400)

    def counted() -> bool:
        reasons = {labels["reason"]: value for labels, value in
                   entrepot.metrics().named("not_hit_total")
                   if labels["upstream"] == "docker.io" and value}
        return reasons == {"absent": 2, "upstream-unreachable": 1}
    eventually(counted, what="two absent ones and one error")


def test_the_limit_of_connections(start, upstream):
    entrepot = start(limits={"connections": 4})
    assert entrepot.metrics().sum("connections_limit") == 4
    blobs = [upstream.add_blob(REPOSITORY, content.blob(1000, seed=n)) for n in range(4)]
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")

    def counted(what: str, **labels) -> None:
        eventually(lambda: entrepot.metrics().sum(what, **labels) == 1, what="one counted")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(client.Connection(entrepot.port)) for _ in range(4)]
        for connection, blob in zip(connections, blobs):
            connection.send_request("GET", blob_target(blob))
        gate.wait_arrived(4)
        assert_error(entrepot.get("/v2/"), 503)
        counted("connections_refused_total")
        gate.open()
        for connection, blob in zip(connections, blobs):
            assert_whole(connection.read_response(), blob)
        assert entrepot.get("/v2/").status == 200  # the mirror closes an idle one for it
        counted("clients_limited_total", reason="idle")
    assert entrepot.metrics().sum("connections_refused_total") == 1


def test_each_kind_of_loop_reports_its_lateness(start):
    entrepot = start()
    for loop in ("serve", "fetch", "admin"):
        eventually(lambda loop=loop: entrepot.metrics().sum(
            "loop_lag_seconds_count", loop=loop) >= 2, what=f"two answers of {loop}")


def test_a_stopped_process_reports_lateness(start):
    entrepot = start()

    def late() -> float:
        """The answers of loops that came more than a second late."""
        metrics = entrepot.metrics()
        return (metrics.sum("loop_lag_seconds_count")
                - metrics.sum("loop_lag_seconds_bucket", le="1"))
    eventually(lambda: entrepot.metrics().sum("loop_lag_seconds_count") >= 3, what="answers")
    before = late()
    os.kill(entrepot.pid, signal.SIGSTOP)
    try:
        time.sleep(2.5)  # the test cannot see when a second is over
    finally:
        os.kill(entrepot.pid, signal.SIGCONT)
    eventually(lambda: late() >= before + 3, what="one late answer of each loop")


def test_the_process(start):
    """The names that dashboards for any process use."""
    entrepot = start()
    text = entrepot.admin("/metrics").body.decode()
    found = dict(re.findall(r"^(process_\w+) (\S+)$", text, re.MULTILINE))
    proc = Path(f"/proc/{entrepot.pid}")
    resident = int(re.search(r"VmRSS:\s+(\d+)", (proc / "status").read_text()).group(1)) * 1024
    assert 0.5 <= float(found["process_resident_memory_bytes"]) / resident <= 1.5
    assert float(found["process_open_fds"]) <= len(list((proc / "fd").iterdir())) + 4
    assert float(found["process_open_fds"]) >= 20
    assert 0 < float(found["process_cpu_seconds_total"]) < 60
    assert abs(time.time() - float(found["process_start_time_seconds"])) < 60
    limit = re.search(r"Max open files\s+(\d+)", (proc / "limits").read_text()).group(1)
    assert float(found["process_max_fds"]) == float(limit)
    again = entrepot.admin("/metrics").body.decode()
    start_time = f"process_start_time_seconds {found['process_start_time_seconds']}\n"
    assert start_time in again, "it began once"


def test_ratelimit_of_the_upstream(start, upstream, image):
    window = 3600

    def limited(_request, reply):
        reply.set("ratelimit-limit", f"100;w={window}")
        reply.set("ratelimit-remaining", f"76;w={window}")
    upstream.script(limited, kind="manifest")
    entrepot = start()
    assert_whole(entrepot.get(LATEST), image.manifest)
    metrics = entrepot.metrics()
    assert metrics.sum("ratelimit_remaining") == 76
    assert metrics.sum("ratelimit_limit") == 100
    window = 1
    assert_error(entrepot.get(manifest_target("another")), 404)

    def unknown(name: str) -> bool:
        ((_, value),) = entrepot.metrics().named(name)
        return math.isnan(value)
    for name in ("ratelimit_remaining", "ratelimit_limit"):
        eventually(lambda name=name: unknown(name), what=f"the end of the window of {name}")


def test_failures_of_an_endpoint(start, upstream, image):
    entrepot = start(timeouts={"connect": "500ms"})
    upstream.go_down()
    assert_error(entrepot.get(LATEST), 503)
    metrics = entrepot.metrics()
    assert metrics.sum("endpoint_failures_total", upstream="docker.io") >= 1
    assert metrics.sum("upstream_requests_total", upstream="docker.io", code=0) >= 1


def test_loss_and_return_of_an_endpoint_are_logged_once(start, upstream, image):
    entrepot = start()
    upstream.go_down()
    for number in range(6):
        assert_error(entrepot.get(manifest_target(f"tag-{number}")), 503)
    entrepot.log.wait_for(r"warn .*docker\.io: \S+ does not answer \(.+\); .*cached objects are served")
    assert entrepot.metrics().sum("endpoint_up") == 0
    upstream.come_back()
    eventually(lambda: entrepot.get(LATEST).status == 200, what="a pull")
    entrepot.log.wait_for(r"info .*docker\.io: \S+ answers again")
    assert entrepot.metrics().sum("endpoint_up") == 1
    assert sum("does not answer" in line and " access " not in line
               for line in entrepot.log.lines) == 1
    # The access line of the request names the cause as well.
    entrepot.log.wait_for(r'access .* 503 error absent docker\.io .* error="docker\.io: ')


def access_lines(entrepot) -> list[str]:
    return [line for line in entrepot.log.lines if " access " in line]


def test_access_log_text(start, image):
    entrepot = start()
    layer = image.layers[0]
    for count, target in enumerate((LATEST, LATEST, blob_target(layer), manifest_target("nope")), 1):
        entrepot.get(target)
        # Two loops write the lines: only a line already written comes before the next request's.
        eventually(lambda wanted=count: len(access_lines(entrepot)) >= wanted, what="its line")
    miss, hit, blob, missing = access_lines(entrepot)
    pattern = (r'access 127\.0\.0\.1:\d+ "(\w+) (\S+)" (\d+) (\w+) (\S+) (\S+) (\w+) '
               r'bytes=(\d+) ms=[\d.]+ first_ms=[\d.]+$')
    size = str(image.manifest.size)
    assert re.search(pattern, miss).groups()[:4] == ("GET", LATEST, "200", "miss")
    assert re.search(pattern, hit).groups() == (
        "GET", LATEST, "200", "hit", "-", "docker.io", "manifest", size)
    assert re.search(pattern, blob).groups()[-1] == str(layer.size)
    assert re.search(pattern, missing).groups()[2] == "404"
    assert re.search(pattern, miss)[5] != "-", "a miss says why it was not a hit"


def test_access_log_json(start, image):
    entrepot = start(log={"format": "json"})
    entrepot.get(LATEST)
    eventually(lambda: entrepot.log.search('"access"'), what="an access line")
    documents = [json.loads(line) for line in entrepot.log.lines]
    assert all({"time", "level"} <= set(document) for document in documents)
    access = next(document["access"] for document in documents if "access" in document)
    assert access["method"] == "GET" and access["path"] == LATEST
    assert access["status"] == 200 and access["outcome"] == "miss"
    assert access["bytes"] == image.manifest.size and access["upstream"] == "docker.io"
    assert access["kind"] == "manifest" and access["complete"] is True and access["ms"] > 0


def test_access_log_off(start, image):
    entrepot = start(log={"access": False})
    assert_whole(entrepot.get(LATEST), image.manifest)
    entrepot.terminate()
    assert not access_lines(entrepot)


def test_access_log_of_a_client_that_left(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * content.MIB))
    gate = Gate()
    upstream.script(faults.hold_at(content.MIB, gate), kind="blob", method="GET")
    entrepot = start()
    download = entrepot.download(blob_target(blob))
    download.wait_received(content.MIB)
    download.leave()
    entrepot.log.wait_for(r" access .* cut( |$)")
    gate.open()


@pytest.mark.parametrize("log", ["text", "json"])
def test_log_cannot_be_forged(start, image, log):
    """Line ends, quotes and bytes beyond ASCII from a client end neither a line nor a field."""
    entrepot = start(log={"format": log})
    for target in ("/v2/x%0aforged/manifests/y", "/v2/%22%20200%20hit%20forged/manifests/y",
                   "/v2/x/manifests/y?ns=%22%0d%0aforged", "/v2/\xff%ffforged/manifests/y"):
        with entrepot.connect() as connection:
            connection.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n"
                            f"User-Agent: \"\xfforged\r\n\r\n".encode("latin-1"))
            assert connection.read_response().status == 400
    assert_whole(entrepot.get(LATEST), image.manifest)
    entrepot.log.wait_for(re.escape(LATEST))

    def refused_lines() -> list[str]:
        return [line for line in entrepot.log.lines if re.search(r'" 400 |"status":400', line)]
    # Two loops write the lines, each in its own order.
    eventually(lambda: len(refused_lines()) >= 4, what="four lines")
    refused = refused_lines()
    assert len(refused) == 4
    assert not any(line.startswith("forged") for line in entrepot.log.lines)
    assert entrepot.log.text.isascii()
    assert not re.search(r'(?<!\\)" 200 hit forged', entrepot.log.text)
    if log == "json":
        assert [json.loads(line)["access"]["status"] for line in refused] == [400] * 4


@pytest.mark.parametrize("target", ["/healthz", "/readyz"])
def test_health(start, upstream, target):
    entrepot = start()
    upstream.go_down()  # the probe stays healthy
    assert entrepot.admin(target).status == 200


def test_health_command(start):
    """The health check of a container runs this command: no file, no shell, an exit code."""
    entrepot = start(admin={"address": ports.keep_address()})
    address = f"127.0.0.1:{entrepot.admin_port}"
    done = run("health", "--address", address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    done = run("health", "--address", f"0.0.0.0:{entrepot.admin_port}")  # as it may be configured
    assert done.returncode == 0, done.stderr

    done = run("health", "--address", entrepot.address)
    assert done.returncode == 1 and "answers 404" in done.stderr
    os.kill(entrepot.pid, signal.SIGSTOP)
    try:
        done = run("health", "--address", address)  # run() has a deadline
    finally:
        os.kill(entrepot.pid, signal.SIGCONT)
    assert done.returncode == 1 and f"{address} does not answer" in done.stderr
    entrepot.terminate()
    done = run("health", "--address", address)
    assert done.returncode == 1 and f"{address} does not answer" in done.stderr


def test_admin_is_not_for_clients(start):
    entrepot = start()
    for target in ("/metrics", "/healthz", "/readyz"):
        assert entrepot.get(target).status == 404
    assert entrepot.admin("/v2/").status == 404
    assert entrepot.admin("/nothing").status == 404


def test_without_admin_listener(start, image):
    entrepot = start(admin=None)
    assert_whole(entrepot.get(LATEST), image.manifest)


def test_the_last_request_is_that_of_an_engine(start, upstream, image):
    entrepot = start()

    def last(engine: str) -> float:
        return entrepot.metrics().sum("last_request_timestamp_seconds", engine=engine, network="host")
    assert last("docker") == last("other") == 0
    before = time.time()
    agent = {"User-Agent": "docker/20.10.24 go/go1.19.8"}
    assert entrepot.get("/v2/", headers=agent).status == 200
    assert entrepot.get("/v2/Wrong/manifests/latest", headers=agent).status in (400, 404)
    assert last("docker") == 0, "no content was requested"
    assert entrepot.get(manifest_target("latest"), headers=agent).status == 200
    # Both clocks of the process count seconds.
    assert before - 2 <= last("docker") <= time.time() + 2
    assert last("other") == 0
