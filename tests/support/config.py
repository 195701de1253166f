# SPDX-License-Identifier: Apache-2.0
"""Configurations for tests: short timers, free ports, scripted upstreams."""

from __future__ import annotations

from pathlib import Path

from .upstream import ScriptedUpstream


def settings(directory: Path, upstreams: dict, **changes) -> dict:
    """A whole configuration. `upstreams` maps names to ScriptedUpstream or to a dict in which
    "endpoint" may be one; `changes` are merged into the sections they name. A section that is None
    is removed, so that the product's own defaults hold."""
    config = {
        "listen": [{"address": "127.0.0.1:0"}],
        "admin": {"address": "127.0.0.1:0"},
        "default_upstream": next(iter(upstreams)),
        "upstreams": {name: upstream_settings(value) for name, value in upstreams.items()},
        "cache": {"directory": str(directory), "max_size": "1GiB", "reserve_free": "1MiB"},
        "threads": {"serve": 2, "fetch": 1, "store": 2},
        # Long enough for a sanitizer build on a busy machine, short enough to wait for.
        "timeouts": {"connect": "2s", "first_byte": "20s", "stall": "20s", "header": "10s",
                     "idle": "60s", "send": "30s", "drain": "5s"},
        # Tests count transfers; a test that needs several for one blob sets another limit.
        "limits": {"transfers_per_blob": 1},
        "log": {"level": "debug", "format": "text", "access": True},
    }
    for key, value in changes.items():
        if value is None:
            del config[key]
        elif isinstance(value, dict) and isinstance(config.get(key), dict):
            config[key] = {**config[key], **value}
        else:
            config[key] = value
    return config


def upstream_settings(value) -> dict:
    if isinstance(value, ScriptedUpstream):
        value = {"endpoint": value}
    value = dict(value)
    endpoint = value.pop("endpoint", None)
    if endpoint is not None:
        url = endpoint.url if isinstance(endpoint, ScriptedUpstream) else endpoint
        value["endpoints"] = [{"url": url}]
    # Fresh for an hour: a test that wants a tag to be due sets another time.
    value.setdefault("tags", {"fresh_for": "1h", "stale_for": "7d"})
    return value
