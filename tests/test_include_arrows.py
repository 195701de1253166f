# SPDX-License-Identifier: Apache-2.0
"""include_arrows.py finds forbidden includes."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("include_arrows.py")
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


def check(root: Path, **files: str) -> subprocess.CompletedProcess:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run([sys.executable, str(SCRIPT), str(root)], capture_output=True, text=True,
                          check=False)


@pytest.mark.parametrize("file,include", [
    ("cache/index/index.cc", '"cache/index/index.h"'),
    ("cache/index/index.cc", '"metrics/log.h"'),
    ("cache/index/rocks_index.cc", "<rocksdb/db.h>"),
    ("proxy/registry/route.cc", '"proxy/http/request.h"'),
    ("proxy/app/main.cc", '"conf/config.h"'),
    ("proxy/loop/loop.cc", "<event2/event.h>"),
    ("proxy/loop/loop.cc", "<vector>"),
    ("cache/fill/fill.cc", '"cache/store/blob_store.h"'),
    ("cache/cache.cc", '"cache/upkeep/startup.h"'),
    ("proxy/registry/registry.cc", '"proxy/registry/request/route.h"'),
])
def test_allowed(tmp_path, file, include):
    result = check(tmp_path, **{file: f"{LICENCE}#include {include}\n"})
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("file,include", [
    ("cache/index/index.cc", '"proxy/http/request.h"'),
    ("cache/index/index.cc", "<rocksdb/db.h>"),
    ("cache/index/index.cc", "<event2/event.h>"),
    ("cache/index/index.cc", "<curl/curl.h>"),
    ("cache/index/index.cc", "<spdlog/spdlog.h>"),
    ("metrics/metrics.cc", '"cache/digest.h"'),
    ("proxy/registry/route.cc", '"proxy/upstream/client.h"'),
    ("proxy/registry/route.cc", '"conf/config.h"'),
    ("proxy/registry/route.cc", "<prometheus/registry.h>"),
    ("proxy/registry/route.cc", '"route.h"'),
    ("proxy/http/server.cc", '"../registry/route.h"'),
    ("proxy/http/server.cc", "<gtest/gtest.h>"),
    ("conf/config.h", '"cache/api/options.h"'),
    ("cache/base/digest.cc", '"cache/store/blob_store.h"'),
    ("cache/fill/fill.cc", '"cache/flight/object_flights.h"'),
    ("cache/space/evictor.cc", '"cache/fill/fill.h"'),
    ("proxy/upstream/wire/url.cc", '"proxy/upstream/endpoint/endpoint.h"'),
    ("proxy/http/parse/target.cc", '"proxy/http/server.h"'),
    ("cache/new_room/x.cc", '"cache/base/digest.h"'),
    ("cache/base/x.cc", '"cache/new_room/x.h"'),
])
def test_refused(tmp_path, file, include):
    result = check(tmp_path, **{file: f"{LICENCE}#include {include}\n"})
    assert result.returncode == 1 and f"{file}:2:" in result.stdout


def test_licence_is_missing(tmp_path):
    result = check(tmp_path, **{"cache/index/index.cc": "int x;\n"})
    assert result.returncode == 1 and "no SPDX" in result.stdout
    result = check(tmp_path, **{"cache/index/index.cc": LICENCE, "tests/x.py": "print()\n"})
    assert result.returncode == 1 and "tests/x.py:1: no SPDX" in result.stdout
