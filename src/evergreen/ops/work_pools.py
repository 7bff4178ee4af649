"""The flows of prefect.yaml on a work pool of any kind: processes, Docker containers, Kubernetes jobs.

`prefect deploy --all` alone deploys to processes. The other kinds run an image; what differs is written beside the
deployments here, from a few variables: IMAGE, GIT_URL, GIT_REVISION, MEMORY, CPU.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.urls import without_password
from evergreen.errors import BadSetting
from evergreen.ops.local_stack import WORK_POOL, deploy
from evergreen.settings import MarketSettings
from evergreen.workspace import REPOSITORY

IN_IMAGE = "/app"  # where the image has this repository
HOME_IN_IMAGE = "/var/lib/evergreen"
VOLUME = "evergreen-home"  # of Docker; in Kubernetes the claim of that name
KINDS = ("process", "docker", "kubernetes")


def deploy_to(
    kind: str,
    server: Mapping[str, str],
    variables: Mapping[str, str],
    log: Path,
    market: MarketSettings = MarketSettings(),
) -> str:
    """Make the work pool of that kind on `server`, named by its variables, and deploy every flow to it; its name.

    Raises:
        BadSetting: an unknown kind, or one that runs an image without IMAGE.
        Unavailable: the server did not answer, or refused.
    """
    declared = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
    declaration = adapted(declared, kind, variables)
    pool = pool_name(kind)
    api = PrefectApi.at(server)
    api.create_work_pool(pool, kind, with_home if kind == "kubernetes" else None)
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump(declaration, sort_keys=False))
        deploy(server, log, file, market)
    return pool


def pool_name(kind: str) -> str:
    """The work pool of a kind."""
    return WORK_POOL if kind == "process" else f"{WORK_POOL}-{kind}"


def adapted(declared: Mapping[str, Any], kind: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What prefect.yaml declares, for a work pool of that kind.

    Raises:
        BadSetting: as `deploy_to`.
    """
    if kind not in KINDS:
        raise BadSetting(f"there is no work pool of kind {kind!r}.", f"Known: {', '.join(KINDS)}.")
    declaration = deepcopy(dict(declared))
    if kind == "process":
        return declaration
    if not variables.get("IMAGE"):
        raise BadSetting(f"A {kind} work pool runs an image, and IMAGE names none.", "Type `make image`, set IMAGE.")
    pool = {"name": pool_name(kind), "job_variables": _job_variables(kind, variables)}
    for deployment in declaration["deployments"]:
        deployment["work_pool"] = pool
    return declaration | {"pull": _pull(variables)}


def with_home(template: dict[str, Any]) -> dict[str, Any]:
    """A Kubernetes job template whose containers have the shared home, and URLs and accounts from the secret."""
    template = deepcopy(template)
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "home", "persistentVolumeClaim": {"claimName": VOLUME}}]
    pod["securityContext"] = {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001}
    pod["containers"][0] |= {
        "volumeMounts": [{"name": "home", "mountPath": HOME_IN_IMAGE}],
        "envFrom": [{"configMapRef": {"name": "evergreen"}}, {"secretRef": {"name": "evergreen"}}],
    }
    return template


def _job_variables(kind: str, variables: Mapping[str, str]) -> dict[str, Any]:
    memory, cpu = variables.get("MEMORY", "4Gi"), variables.get("CPU", "2")
    settings = {name: value for name, value in variables.items() if name.startswith("EVERGREEN_")}
    if kind == "kubernetes":  # whose runs take passwords from the secret; job variables are there to be read
        settings = {name: value for name, value in settings.items() if value == without_password(value)}
    shared = {"image": variables["IMAGE"], "env": settings | {"EVERGREEN_HOME": HOME_IN_IMAGE}}
    if kind == "docker":
        return shared | {"mem_limit": memory.lower().rstrip("i"), "volumes": [f"{VOLUME}:{HOME_IN_IMAGE}"]}
    limits = {"cpu_limit": cpu, "memory_limit": memory, "cpu_request": cpu, "memory_request": memory}
    return shared | limits | {"namespace": variables.get("NAMESPACE", "evergreen"), "finished_job_ttl": 3600}


def _pull(variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """The code as it is in the image; with GIT_URL, of that repository at GIT_REVISION on the image's libraries."""
    if not (url := variables.get("GIT_URL")):
        return [{"prefect.deployments.steps.set_working_directory": {"directory": IN_IMAGE}}]
    clone = {"id": "clone", "repository": url, "branch": variables.get("GIT_REVISION", "main")}
    install = {"script": "uv pip install --no-deps --editable .", "directory": "{{ clone.directory }}"}
    return [
        {"prefect.deployments.steps.git_clone": clone},
        {"prefect.deployments.steps.run_shell_script": install},
    ]


def from_environment() -> dict[str, str]:
    """The variables of this process, without those that would tell secrets to every run."""
    return {name: value for name, value in os.environ.items() if "PASSWORD" not in name and "SECRET" not in name}
