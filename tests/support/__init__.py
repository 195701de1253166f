# SPDX-License-Identifier: Apache-2.0
"""What the scenario and client tests share: the process under test, scripted upstreams, clients."""
