#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints how apt of this machine reaches its mirrors, as lines for apt.conf: proxies, certificates, retries, checks of
# dates. The release and the tests give them to the systems that they make.
#
# The rest of /etc/apt/apt.conf.d stays here: its hooks call programs that a new system lacks, apt-listchanges for one,
# and such a hook ends apt-get with an error. Further lists to download (Acquire::IndexTargets) stay here, too.
set -euo pipefail

apt-config dump Acquire | grep -v '^Acquire::IndexTargets'
