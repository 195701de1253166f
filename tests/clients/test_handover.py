# SPDX-License-Identifier: Apache-2.0
"""Engines pull while the process is replaced (serve --replace)."""

from __future__ import annotations

import shutil
import threading

import pytest

from support import rootfs
from support.engines import Docker, Podman
from support.gate import eventually

REPLACEMENTS = 4
MULTI = f"docker.io/{rootfs.MULTI}:latest"


class Pulls:
    """One engine that pulls the same image again and again, as if it had never had it."""

    def __init__(self, pull):
        self._pull = pull
        self._stop = threading.Event()
        self.whole = 0
        self.failures: list[str] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            done = self._pull()
            if done.returncode != 0:
                self.failures.append(done.stderr)
                return
            self.whole += 1

    def stop(self) -> None:
        self._stop.set()
        self.thread.join(120)


@pytest.fixture
def engines(plain_site):
    docker, podman = Docker(plain_site.mirror), Podman(plain_site.entrepot.address)

    def pull_by_docker():
        done = docker("pull", rootfs.MULTI, check=False)
        docker("rmi", "--force", rootfs.MULTI, check=False)
        return done

    def pull_by_podman():
        done = podman.pull(MULTI, check=False)
        podman.podman("rmi", "--all", "--force", check=False)
        return done

    def copy_by_skopeo():
        directory = podman.directory("copy-")
        done = podman.skopeo("copy", "--all", f"docker://{MULTI}", f"dir:{directory}", check=False)
        shutil.rmtree(directory)
        return done
    pulls = [Pulls(pull) for pull in (pull_by_docker, pull_by_podman, copy_by_skopeo, copy_by_skopeo)]
    yield pulls
    for one in pulls:
        one.stop()
    podman.stop()
    docker.stop()


def test_no_pull_fails_while_the_process_is_replaced(plain_site, engines):
    # No mirror before it, no registry behind it: a pull that the mirror fails, fails.
    for _ in range(REPLACEMENTS):
        before = plain_site.entrepot.replace(timeouts={"first_byte": "60s", "stall": "60s",
                                                       "drain": "25s"})
        seen = [one.whole for one in engines]
        before.wait_exit()
        eventually(lambda seen=seen: all(one.whole > count or one.failures
                                         for one, count in zip(engines, seen)),
                   what="a pull by each engine")
    for one in engines:
        assert not one.failures, one.failures
    plain_site.upstream_goes_down()
    seen = [one.whole for one in engines]
    eventually(lambda: all(one.whole > count + 1 or one.failures
                           for one, count in zip(engines, seen)), what="pulls from the cache")
    for one in engines:
        assert not one.failures, one.failures
