"""Places given by an address instead of a folder: what they need to be installed, and whether they answer.

Whose they are and where, a bucket's client reads from AWS's own variables: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, and AWS_ENDPOINT_URL for a store that is not Amazon's.
"""

from __future__ import annotations

from evergreen.adapters.infra.extras import require_installed
from evergreen.errors import Unavailable

S3 = "s3"
PATIENCE = 5  # seconds for a store to answer
DVC_PLUGINS = {S3: "dvc_s3", "gs": "dvc_gs", "azure": "dvc_azure", "ssh": "dvc_ssh"}
MLFLOW_CLIENTS = {S3: "boto3", "gs": "google.cloud.storage", "wasbs": "azure.storage.blob"}


def kind(place: str) -> str:
    """s3, gs and the like; empty for a folder."""
    scheme, mark, _ = place.partition("://")
    return scheme if mark else ""


def require_dvc_plugin(remote: str) -> None:
    """Raises BadSetting when DVC lacks what it needs for `remote`, with what to type."""
    _require("DVC", remote, DVC_PLUGINS)


def require_mlflow_client(artifacts: str) -> None:
    """Raises BadSetting when MLflow's server lacks what it needs for `artifacts`, with what to type."""
    _require("MLflow", artifacts, MLFLOW_CLIENTS)


def _require(tool: str, place: str, modules: dict[str, str]) -> None:
    if module := modules.get(kind(place)):
        package = ".[s3]" if kind(place) == S3 else module.replace("_", "-").replace(".", "-")
        require_installed(module, f"{tool} cannot reach {place}", package)


def look_at_bucket(url: str) -> str:
    """Ask for the bucket that `url` lies in; what is no bucket is not asked for. Returns the address.

    Raises:
        Unavailable: no answer, no such bucket, or no right to it.
    """
    if kind(url) != S3:
        return url
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = url.removeprefix(f"{S3}://").partition("/")[0]
    config = Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries={"total_max_attempts": 2})
    try:
        boto3.Session().client(S3, config=config).head_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(
            f"{url} did not answer: {str(error).rstrip('.')}.", "Make the bucket, or correct the AWS_* variables."
        ) from None
    return url


def silences(place: str) -> tuple[type[Exception], ...]:
    """What a client of `place` raises, besides OSError, when nobody answers there."""
    if kind(place) != S3:
        return ()
    from botocore.exceptions import BotoCoreError

    return (BotoCoreError,)
