# SPDX-License-Identifier: Apache-2.0
"""Writes the list of contents of a package as SPDX 2.3: the packages whose libraries it loads, those whose code is in
the binary, and its compiler, with their versions from dpkg's records.

usage: sbom.py PART VERSION OUTPUT        PART: a folder that deploy/release/pack.sh has written"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from datetime import datetime, timezone
from pathlib import Path

from files import EPOCH, fields

PACKAGE = "SPDXRef-Package-entrepot"


def identifier(name: str) -> str:
    return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def described(name: str, version: str, source: str, arch: str, system: dict[str, str]) -> dict:
    distribution = f"{system['ID']}-{system['VERSION_ID']}"
    return {
        "name": name, "SPDXID": identifier(name), "versionInfo": version,
        "supplier": f"Organization: {system['NAME']}", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "sourceInfo": f"built from the source package {source}",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/{system['ID']}/{name.replace('+', '%2B')}@{version.replace('+', '%2B')}"
                                f"?arch={arch}&distro={distribution}"}],
    }


def main() -> None:
    part, version, output = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    deb = next(part.glob("entrepot_*.deb"))
    system = {key: value.strip('"') for key, value in (
        line.split("=", 1) for line in (part / "root/etc/os-release").read_text().splitlines() if "=" in line)}
    packages, relationships = [], []

    def add(relation: str, name: str, *rest: str) -> None:
        if identifier(name) not in [one["SPDXID"] for one in packages]:
            packages.append(described(name, *rest, system))
        pair = [PACKAGE, identifier(name)]
        if relation == "BUILD_TOOL_OF":
            pair.reverse()
        relationships.append({"spdxElementId": pair[0], "relationshipType": relation,
                              "relatedSpdxElement": pair[1]})

    for file in sorted((part / "root/var/lib/dpkg/status.d").iterdir()):
        record = fields(file.read_text())
        add("DYNAMIC_LINK" if file.name != "ca-certificates" else "DEPENDS_ON", record["Package"],
            record["Version"], record.get("Source", record["Package"]).partition(" ")[0], record["Architecture"])
    for line in (part / "built-in").read_text().splitlines():
        name, *rest = line.split()
        add("BUILD_TOOL_OF" if name == "g++" else "STATIC_LINK", name, *rest)

    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    own = {
        "name": "entrepot", "SPDXID": PACKAGE, "versionInfo": version, "packageFileName": deb.name,
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0", "copyrightText": "2026 The Entrepot authors",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
    }
    described_as = {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                    "relatedSpdxElement": PACKAGE}
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": deb.stem,
        "documentNamespace": f"https://example.com/entrepot/spdx/{deb.stem}-{digest}",
        "creationInfo": {
            "created": datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: entrepot-deploy/release.sh"]},
        "packages": [own, *packages], "relationships": [described_as, *relationships],
    }
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


main()
