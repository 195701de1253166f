# SPDX-License-Identifier: Apache-2.0
"""The process under test: started from a written configuration, watched through its log."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

from . import client
from .gate import DEADLINE
from .metrics import Samples

# The lines `entrepot serve` writes once it accepts connections.
# Unix sockets have no port.
LISTENING = re.compile(r"\blistening on "
                       r"(?P<addresses>(?:\S+, )*(?P<address>\S+?)(?::(?P<port>\d+))?);")
ADMIN = re.compile(r"\badmin on (?P<address>[^\s;]+?)(?::(?P<port>\d+))?(?=[\s;]|$)")

SANITIZER = re.compile(r"(AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:)")

EXIT_USAGE, EXIT_BUG, EXIT_RESTART, EXIT_CONFIG = 64, 70, 75, 78

_SUPPRESSIONS = Path(__file__).parent.parent / "sanitizers"


def binary() -> str:
    path = os.environ.get("ENTREPOT_BINARY")
    if not path:
        raise RuntimeError("ENTREPOT_BINARY is not set: run the tests by ctest or tests/run.sh")
    return path


def environment() -> dict[str, str]:
    # librocksdb is not built with the sanitizers, so TSan cannot see its locks.
    return {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": "exitcode=66:ignore_noninstrumented_modules=1:second_deadlock_stack=1:"
                        f"suppressions={_SUPPRESSIONS / 'tsan.supp'}",
    }


def run(*arguments: str, timeout: float = DEADLINE, under: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Runs one command that ends by itself (check, version, a start that fails). `under`: a command that runs it."""
    return subprocess.run([*under, binary(), *arguments], capture_output=True, text=True, timeout=timeout,
                          env=environment(), check=False)


class Log:
    """The lines of the process's log, as they come."""

    def __init__(self):
        self._condition = threading.Condition()
        self._lines: list[str] = []
        self._ended = False

    def read_from(self, stream) -> None:
        for line in stream:
            with self._condition:
                self._lines.append(line.rstrip("\n"))
                self._condition.notify_all()
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    @property
    def lines(self) -> list[str]:
        with self._condition:
            return list(self._lines)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def search(self, pattern) -> re.Match | None:
        for line in self.lines:
            if match := re.search(pattern, line):
                return match
        return None

    def wait_for(self, pattern, timeout: float = DEADLINE, after: int = 0) -> re.Match:
        """The first line like `pattern` behind the first `after` lines."""
        found = None

        def look() -> bool:
            nonlocal found
            found = next((match for line in self._lines[after:] if (match := re.search(pattern, line))), None)
            return found is not None or self._ended
        with self._condition:
            self._condition.wait_for(look, timeout)
            assert found, f"no line like {pattern!r} in the log:\n" + "\n".join(self._lines)
        return found

    def wait_end(self, timeout: float = DEADLINE) -> None:
        """Waits for the last line of a process that has ended. A successor that it has started may still
        hold the pipe: its lines come here as well."""
        with self._condition:
            self._condition.wait_for(lambda: self._ended, timeout)


class Replaced:
    """A process whose place another one takes."""

    def __init__(self, process: subprocess.Popen, log: Log):
        self._process = process
        self.log = log

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait_exit(self, timeout: float = DEADLINE) -> None:
        """It has drained: all its replies are whole."""
        code = self._process.wait(timeout)
        self.log.wait_end()
        assert code == 0, self.log.text
        assert self.log.lines[-1].endswith("stopped"), self.log.text


class Entrepot:
    """`entrepot serve` with the given configuration. Stops only the process it started."""

    def __init__(self, directory: Path, config: dict, *arguments: str,
                 environ: dict[str, str] | None = None):
        self.directory = directory
        self.config = config
        self.config_path = directory / "entrepot.json"
        self._arguments = arguments
        self._environ = environ or {}
        self._process: subprocess.Popen | None = None
        self.log = Log()
        self.port = self.admin_port = 0
        self.ports: list[int] = []  # of each listener in the order of the configuration; 0: none
        self.host = "127.0.0.1"
        self._earlier_logs: list[Log] = []
        self._marks = itertools.count(1)

    def start(self, *under: str, replace: bool = False, passed: list[int] = ()) -> "Entrepot":
        """`under`: a command that executes the binary in its own place, such as strace -D. `passed`:
        descriptors that a service manager passes (sd_listen_fds(3))."""
        assert self._process is None, "already running"
        self.config_path.write_text(json.dumps(self.config, indent=2))
        if self.log.lines:
            self._earlier_logs.append(self.log)
        self.log = Log()
        # Copies with numbers that none of the passed ones has.
        copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100) for descriptor in passed]
        if copies:
            numbers = " ".join(f"{3 + n}<&{copy}-" for n, copy in enumerate(copies))
            under = ("bash", "-c", f'LISTEN_FDS={len(passed)} LISTEN_PID=$$ exec "$@" {numbers}', "bash",
                     *under)
        # It ends when the test is killed, for example by a timeout of CTest.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *under,
             binary(), "serve", "--config", str(self.config_path), *self._arguments,
             *(["--replace"] if replace else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace", env=environment() | self._environ, pass_fds=copies)
        for copy in copies:
            os.close(copy)
        threading.Thread(target=self.log.read_from, args=(self._process.stderr,),
                         daemon=True).start()
        listening = self.log.wait_for(LISTENING)
        ports = [address.rpartition(":")[2] for address in listening["addresses"].split(", ")]
        self.ports = [int(port) if port.isdigit() else 0 for port in ports]
        self.port = self.ports[0]
        if self.config.get("admin") is not None:
            self.admin_port = int(self.log.wait_for(ADMIN)["port"] or 0)
        return self

    def replace(self, **config) -> "Replaced":
        """Starts another process in the place of this one; `config` replaces top-level keys."""
        before = Replaced(self._process, self.log)
        self._process = None
        self.config = {**self.config, **config}
        self.start(replace=True)
        return before

    def give_up(self) -> "Replaced":
        """Another process takes the place of this one, which the test starts and stops itself."""
        before = Replaced(self._process, self.log)
        self._process = None
        return before

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def terminate(self, timeout: float = DEADLINE) -> None:
        """Sends SIGTERM; the process must drain and exit with 0."""
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"no exit {timeout} s after SIGTERM:\n{self.log.text}") from None
        self.log.wait_end()
        self._check_log()
        assert code == 0, f"exit {code} after SIGTERM:\n{self.log.text}"

    def kill9(self) -> None:
        process, self._process = self._process, None
        process.kill()
        process.wait(DEADLINE)
        self.log.wait_end()
        self._check_log()

    def wait_exit(self, timeout: float = DEADLINE) -> int:
        code = self._process.wait(timeout)
        self._process = None
        self.log.wait_end()
        return code

    def restart(self, kill: bool = False, **config) -> None:
        """Starts again on the same directory; `config` replaces top-level keys."""
        if self.running:
            self.kill9() if kill else self.terminate()
        self.config = {**self.config, **config}
        self.start()

    def close(self) -> None:
        """The end of a test: the process must still be alive and healthy."""
        if self._process is None:
            self._check_log()
            return
        code = self._process.poll()
        if code is not None:
            self._process = None
            self.log.wait_end()
            raise AssertionError(f"the process had ended with {code}:\n{self.log.text}")
        self.terminate()

    def _check_log(self) -> None:
        for log in [*self._earlier_logs, self.log]:
            if match := log.search(SANITIZER):
                raise AssertionError(f"{match[0]}:\n{log.text}")

    # Requests.

    def get(self, target: str, **options) -> client.Response:
        return client.get(self.port, target, **options)

    def log_now(self) -> list[str]:
        """The lines of the log about everything that has happened: behind them stands the line of a request of
        this method."""
        mark = f"/v2/mark-{next(self._marks)}/manifests/latest?ns=unknown.test"
        self.get(mark)
        self.log.wait_for(re.escape(mark.partition("?")[0]))
        return self.log.lines

    def head(self, target: str, **options) -> client.Response:
        return client.head(self.port, target, **options)

    def request(self, method: str, target: str, **options) -> client.Response:
        return client.request(self.port, method, target, **options)

    def connect(self, **options) -> client.Connection:
        return client.Connection(self.port, **options)

    def download(self, target: str, **options) -> client.Download:
        return client.Download(self.port, target, **options)

    def admin(self, target: str, method: str = "GET", **options) -> client.Response:
        return client.request(self.admin_port, method, target, **options)

    def metrics(self) -> Samples:
        response = self.admin("/metrics")
        assert response.status == 200, response
        return Samples(response.body.decode())

    def memory(self) -> dict[str, int]:
        """Bytes by kind (RssAnon, RssFile, …) as the kernel counts them."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return {name: int(value) * 1024
                for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", status, re.MULTILINE)}
