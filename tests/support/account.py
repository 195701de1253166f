# SPDX-License-Identifier: Apache-2.0
"""The mirror's account at an upstream, in tests."""

import base64

USER, PASSWORD = "robot", "p4ss:word with spaces"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
