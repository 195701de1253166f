# SPDX-License-Identifier: Apache-2.0
"""The common parts of the scenario and client tests: the process under test, scripted upstreams,
clients."""
