# SPDX-License-Identifier: Apache-2.0
"""Drills with the machine of the mirror: its disk, its ports, its processes, its operator."""

from __future__ import annotations

import json
import os
import socket

from drill import drill, becomes, grows
from support import faults
from support.checks import assert_hit, assert_whole, blob_target
from support.entrepot import EXIT_CONFIG, EXIT_RESTART, run
from support.gate import Gate, eventually
from support.reload import reload
from typos import TYPOS, write

MIB = 1024 * 1024
NOT_RUNNING = (r"does not answer .*the last lines of its log say why, and `entrepot check`",)


def start_fails(scene, entrepot) -> None:
    """It ends with the code for which a service manager starts it again."""
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    done = run("serve", "--config", str(entrepot.config_path))
    assert done.returncode == EXIT_RESTART, done.stderr
    scene.said = done.stderr


@drill("port in use",
       log=(r"error cannot listen on 127\.0\.0\.1:\d+: the address is already in use by \S+ \(pid {pid}\)",),
       status=NOT_RUNNING, alerts=("EntrepotDown",), runs=False)
def port_in_use(scene):
    scene.begin(ready=False)
    scene.entrepot.terminate()
    with socket.create_server(("127.0.0.1", 0)) as other:
        scene.words["pid"] = str(os.getpid())
        scene.entrepot.config["listen"] = [{"address": "127.0.0.1:%d" % other.getsockname()[1]}]
        start_fails(scene, scene.entrepot)


@drill("port in use at a reload",
       log=(r"error .*SIGHUP: cannot listen on 127\.0\.0\.1:\d+: the address is already in use by \S+ \(pid {pid}\); "
            r"the previous configuration stays in force",),
       status=(r"warning: configuration: the changed one is not used since SIGHUP.*cannot listen on "
               r"127\.0\.0\.1:\d+: .*in use by \S+ \(pid {pid}\)",),
       well=True, metric=grows("reloads_total", result="refused"), alerts=("EntrepotReloadRefused",))
def port_in_use_at_reload(scene):
    scene.begin()
    with socket.create_server(("127.0.0.1", 0)) as other:
        scene.words["pid"] = str(os.getpid())
        scene.entrepot.config["listen"] = [*scene.entrepot.config["listen"],
                                           {"address": "127.0.0.1:%d" % other.getsockname()[1]}]
        reload(scene.entrepot, "SIGHUP: cannot listen")
        scene.pull_from_the_cache()
        assert scene.get_new().status == 200


@drill("directory in use",
       log=(r"error cache directory {directory}: in use by another process; stop that one, replace it",),
       status=NOT_RUNNING, alerts=("EntrepotDown",), runs=False)
def directory_in_use(scene):
    scene.begin(ready=False)
    owner = scene.entrepot
    second = scene.use("prepare")(cache=owner.config["cache"])
    scene.words["directory"] = str(scene.cache)
    start_fails(scene, second)
    assert owner.get("/v2/").status == 200, "the first one serves on"
    scene.entrepot = second


@drill("disk full",
       log=(r"access .* bypass disk-full ",),
       status=(r"warning: cache: its file system was full for 3 objects in the last hour.*: free space or inodes",),
       # The index may want to write at that moment.
       well=None, metric=grows("bypass_total", reason="disk-full"), alerts=("EntrepotNotStoring",),
       perhaps=("EntrepotDiskErrors",))
def disk_full(scene):
    """Stored blobs are evicted, which is not enough for the new ones."""
    disk = scene.use("make_disk")(128 * MIB)
    scene.begin(cache={"directory": str(disk.place / "cache"), "max_size": "100MiB", "reserve_free": 0})
    disk.fill()
    for _ in range(3):
        assert scene.get_new(8 * MIB).status == 200
    scene.settled()
    scene.pull()


@drill("reserve larger than the disk",
       log=(r"error .*nothing can be stored in {directory}: cache\.reserve_free keeps 8388608000 MiB",
            r"access .* bypass no-room "),
       status=(r"fault: cache: nothing can be stored \(reserve-disk\): see .*cache\.reserve_free",),
       metric=becomes(1, "cache_no_room", reason="reserve-disk"), alerts=("EntrepotCacheNoRoom",))
def reserve_too_large(scene):
    scene.begin()
    scene.words["directory"] = str(scene.cache)
    scene.entrepot.config["cache"]["reserve_free"] = "8000TiB"
    reload(scene.entrepot)
    eventually(lambda: scene.entrepot.metrics().sum("cache_no_room") == 1, what="no room")
    scene.pull()
    assert scene.get_new(2 * MIB).status == 200
    scene.settled()


@drill("input/output error",
       log=(r"error cache: {file} cannot be read; it is moved to \S+/quarantine/\S+ and fetched again. Check the ",),
       status=(r"fault: cache: \d+ operations in its directory failed in the last hour.*Check the disk",
               r"error: cache: {file} cannot be read; .* Check the disk"),
       metric=grows("disk_errors_total", operation="read"), alerts=("EntrepotDiskErrors",))
def unreadable(scene):
    """The client notices nothing: the blob is fetched again within its request."""
    scene.begin(threads={"serve": 1, "fetch": 1, "store": 2})
    layer, gate = scene.image.layers[1], Gate()
    scene.words["file"] = str(scene.file_of(layer))
    tracer = scene.use("failing")(scene.entrepot, "pread64,preadv2,sendfile", "EIO", scene.file_of(layer))
    scene.upstream.script(faults.hold(gate), kind="blob", method="GET", times=1)
    download = scene.entrepot.download(blob_target(layer))
    gate.wait_arrived()
    tracer.stop()  # the fetched file takes the same name
    gate.open()
    assert_whole(download.finish(), layer)
    scene.settled()
    assert_hit(scene.entrepot.get(blob_target(layer)), layer)


@drill("rot",
       log=(r"error cache: the file of {digest} does not have that digest any more.*Check the disk",),
       status=(r"warning: cache: 1 stored objects had changed bytes in the last hour.*Check the disk",
               r"error: cache: the file of {digest} does not have that digest any more"),
       well=True, metric=grows("cache_evictions_total", reason="corrupt"), alerts=("EntrepotStoredBytesChanged",))
def rot(scene):
    """The engine notices by the digest, asks again, and gets the right bytes."""
    scene.begin(cache={"scrub_rate": 0})
    scene.entrepot.restart()
    scene.mark()
    layer = scene.image.layers[1]
    scene.words["digest"] = layer.digest
    with open(scene.file_of(layer), "r+b") as file:
        file.write(bytes([layer.data[0] ^ 1]))
    assert scene.entrepot.get(blob_target(layer)).body != layer.data
    assert_whole(scene.entrepot.get(blob_target(layer)), layer)


@drill("killed in a download (kill -9)",
       log=(r"warn +cache: the last process did not end in order; blobs of its last minutes are verified",),
       status=(r"^well", r"warn: cache: the last process did not end in order", r"up for \d+ s"),
       well=True, metric=grows("fills_resumed_total"))
def killed(scene):
    """The client has a part; its next request gets the whole blob, of which only the rest is fetched."""
    scene.begin()
    blob, gate = scene.new_blob(8 * MIB), Gate()
    scene.upstream.script(faults.hold_at(6 * MIB, gate), kind="blob", method="GET", times=1)
    download = scene.entrepot.download(blob_target(blob))
    download.wait_received(4 * MIB)
    scene.entrepot.kill9()
    gate.open()
    assert not download.finish().complete
    scene.entrepot.start()
    scene.mark()
    assert_whole(scene.entrepot.get(blob_target(blob)), blob)
    scene.pull_from_the_cache()
    scene.settled()


@drill("damaged index",
       log=(r"error cache index {directory}/index is damaged \(.*\); it is moved to {directory}/index\.damaged",),
       status=(r"error: cache index {directory}/index is damaged .* it is moved to {directory}/index\.damaged",),
       metric=grows("disk_errors_total", operation="index"), alerts=("EntrepotDiskErrors",))
def damaged_index(scene):
    """Tags are asked of the registry again; the layers come from the files."""
    scene.begin()
    scene.words["directory"] = str(scene.cache)
    scene.entrepot.terminate()
    for file in (scene.cache / "index").glob("MANIFEST-*"):
        file.write_bytes(b"\xff" * 1000)
    scene.entrepot.start()
    scene.entrepot.log.wait_for("files of blobs without an entry in the index: 1 were right")
    scene.upstream.forget()
    scene.pull()
    large = scene.image.layers[1].digest
    assert scene.upstream.count("blob", method="GET", reference=large) == 0
    scene.settled()


@drill("typos",
       log=(r"error .*: {key}: {fault}", r"error .*SIGHUP: the configuration is invalid; the previous one stays in "),
       status=(r"warning: configuration: the changed one is not used since SIGHUP.*{key}: {fault}",),
       well=True, metric=grows("reloads_total", result="refused"), alerts=("EntrepotReloadRefused",))
def typos(scene):
    """`entrepot check` finds each of them; the process of the last one serves on."""
    scene.begin()
    good = scene.entrepot.config
    for typo in TYPOS:
        scene.entrepot.config_path.write_text(write(good, typo))
        done = run("check", "--config", str(scene.entrepot.config_path))
        assert done.returncode == EXIT_CONFIG, (typo, done.stdout)
        scene.words |= {"key": typo.key, "fault": typo.says}
        typo.assert_told(done.stderr)
    said = len(scene.entrepot.log.lines)
    os.kill(scene.entrepot.pid, 1)
    scene.entrepot.log.wait_for("the previous one stays in force", after=said)
    scene.pull_from_the_cache()
    assert scene.get_new().status == 200


