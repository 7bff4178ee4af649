"""A software bill of materials of the lock, as CycloneDX JSON."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from evergreen.errors import NotFound

REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def bill_of_materials(lock: Path) -> str:
    """Every package the lock may install, with its hashes; equal locks give equal text but for the time.

    Raises:
        NotFound: there is no lock.
    """
    if not lock.is_file():
        raise NotFound(f"no lock at {lock}.", "Run `make lock`.")
    text = lock.read_text()
    root = Component(name="evergreen", type=ComponentType.APPLICATION, bom_ref="evergreen")
    bom = Bom(components=_components(text), serial_number=UUID(sha256(text.encode()).hexdigest()[:32]))
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)
    return str(JsonV1Dot6(bom).output_as_string(indent=1))


def _components(lock: str) -> list[Component]:
    components: list[Component] = []
    for line in lock.splitlines():
        if requirement := REQUIREMENT.match(line):
            name, version = requirement.groups()
            url = PackageURL("pypi", None, name.lower(), version)
            ref = f"{name}@{version}"
            components.append(Component(name=name, version=version, purl=url, bom_ref=ref))
        elif components and (known := HASH.search(line)):
            components[-1].hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=known[1]))
    return components
