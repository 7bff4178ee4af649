"""Every setting, with what it is for and what it is when nobody sets it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from evergreen.settings.market import MarketSettings
from evergreen.settings.policies import known_policies
from evergreen.settings.ranges import Count, Port, Positive, Rate, Seconds

if TYPE_CHECKING:
    from evergreen.core.policy import Policy

PREFIX = "EVERGREEN_"


class Settings(BaseModel):
    """Places and names; business choices are flow parameters, secrets are environment or blocks.

    Read from `evergreen.toml` in the working directory, then from `EVERGREEN_*` variables, which win. A relative path
    lies beside that file.
    Empty URLs stand for the embedded default: files and SQLite below `home`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Path(".evergreen")  # where everything is kept
    model_name: str = "evergreen"  # under which models are registered and decisions are kept
    target: str = "return"  # what its models forecast: return, rank, neutral, volatility, or one you registered
    horizon: Positive = 1  # sessions ahead that the first model forecasts; those after it follow the champion's
    market: MarketSettings = MarketSettings()
    clock: Literal["live", "replay"] = "live"  # replay: now is the last session processed
    database_url: str = ""  # rollout, decisions, predictions: SQLite or PostgreSQL; empty: SQLite in the home
    mlflow_uri: str = ""  # tracking and registry; empty: SQLite in the home
    dvc_remote: str = ""  # where data versions are pushed; empty: a folder in the home
    feature_registry: str = ""  # PostgreSQL that Feast keeps its definitions in
    online_store: str = ""  # PostgreSQL or Redis that Feast serves features from
    prefect_database: str = ""  # PostgreSQL behind the Prefect server that `evergreen up` starts
    prefect_messages: str = ""  # Redis through which that server passes its events; several servers share it
    mlflow_database: str = ""  # PostgreSQL behind the MLflow server that `evergreen up` starts
    mlflow_artifacts: str = ""  # folder or URL that MLflow server keeps artifacts in
    server_auth: bool = True  # the Prefect and MLflow servers that `evergreen up` starts ask for an account
    dask_address: str = ""  # scheduler that computes factors and fits models; empty: this machine does
    rows_at_once: Positive = 250_000  # rows of features computed at a time of a long history, 6 kB of memory each
    training_threads: Count = 0  # models fitted side by side, each with a byte of memory a value; 0: one a processor
    service_host: str = "127.0.0.1"
    service_port: Port = 8780
    service_hosts: str = ""  # further names the service goes by, parted by commas; a request by another is refused
    service_auth: bool = False  # ask for an API key (`evergreen key add NAME`); needed off loopback
    trace_collector: str = ""  # address of an OpenTelemetry collector (OTLP over HTTP) that is sent requests' traces
    lineage: str = ""  # file or URL that is sent each flow run's OpenLineage events
    requests_per_second: Rate = 1_000  # of one client; 0 is no limit
    max_feature_age: Count = 3  # sessions after which an answer says `stale`
    lease_seconds: Seconds = 300.0  # silence after which a retraining's worker is taken for dead
    policy: str = "default"  # what the flows follow: when to retrain, what to admit, how to let it out
    policies: str = ""  # a TOML file with policies of your own, beside the shipped ones
    retrain_after: Positive | None = None  # in place of the policy's: sessions after which a model is retrained anyway
    train_sessions: Count = 0  # most sessions, the last ones, that a model is fitted on; 0: all there are
    model_expiry: Positive = 375  # sessions after which an answer says `expired`
    notify: str = ""  # Prefect notification block told of findings, as type/name, such as slack-webhook/desk
    guardrails: Literal["act", "tell"] = "act"  # whether the service rolls back by itself or only says so
    newer_challenger: Literal["queue", "supersede"] | None = None  # in place of the policy's
    rollback_window: Count | None = None  # in place of the policy's: sessions in which the old champion can come back
    promotion_approval: bool = False  # a promotion waits for `evergreen canary approve`
    refresh_seconds: Seconds = 0.2  # how often the service looks for a changed rollout or features
    bad_inputs: Literal["tell", "refuse"] = "tell"  # whether a stale, incomplete or unusual input gets no answer
    promotion_webhook: str = ""  # URL that is sent the evidence before a promotion; 2xx lets it go on, else it waits

    @field_validator("model_name")
    @classmethod
    def _registrable(cls, name: str) -> str:
        """It names folders, tags and filters of MLflow's search besides the model."""
        if not re.fullmatch(r"\w[\w. -]*", name, re.ASCII):
            raise ValueError("use letters, digits, '_', '-', '.' and spaces, a letter or digit first")
        return name

    @field_validator("trace_collector", "promotion_webhook")
    @classmethod
    def _over_http(cls, url: str) -> str:
        if url and not re.match(r"https?://[^/]", url):
            raise ValueError("give an address that begins with http:// or https://, or leave it empty")
        return url

    @field_validator("notify")
    @classmethod
    def _block(cls, name: str) -> str:
        if name and not re.fullmatch(r"[^/]+/[^/]+", name):
            raise ValueError("give a block as type/name, such as slack-webhook/desk, or leave it empty")
        return name

    @field_validator("mlflow_uri")
    @classmethod
    def _without_account(cls, uri: str) -> str:
        """An address is shown and logged, so an account has no place in it."""
        if uri.startswith("http") and "@" in uri:
            raise ValueError("an account belongs in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        return uri

    def variables(self) -> dict[str, str]:
        """These settings as the environment of another process."""
        values = self.model_dump(exclude={"market"})
        values |= {f"market_{name}": value for name, value in self.market.model_dump().items()}
        return {f"{PREFIX}{name.upper()}": _text(value) for name, value in values.items() if value is not None}

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home.resolve() / 'evergreen.db'}"

    @property
    def mlflow(self) -> str:
        return self.mlflow_uri or f"sqlite:///{self.home.resolve() / 'mlflow.db'}"

    @property
    def data(self) -> Path:
        """The DVC workspace: bars/ and versions/."""
        return self.home.resolve() / "data"

    @property
    def remote(self) -> str:
        return self.dvc_remote or str(self.home.resolve() / "dvc-remote")

    @property
    def quarantine(self) -> Path:
        """Refused bars, one file a case."""
        return self.home.resolve() / "quarantine"

    @property
    def reports(self) -> Path:
        """Pages and pictures for people, one folder per session."""
        return self.home.resolve() / "reports"

    @property
    def features(self) -> Path:
        """Feast's offline files, registry and online store."""
        return self.home.resolve() / "features"

    @property
    def profiles(self) -> Path:
        return self.home.resolve() / "profiles"

    @property
    def calibrations(self) -> Path:
        """What drift looks like when nothing drifts, one folder per model version."""
        return self.home.resolve() / "calibrations"

    @property
    def models(self) -> Path:
        """Verified local copies of registered models, one folder per version."""
        return self.home.resolve() / "models"

    @property
    def keys(self) -> Path:
        """Hashes of the API keys."""
        return self.home.resolve() / "keys.json"

    @property
    def read_files(self) -> Path:
        """What was read of the files of bars, for the next run to read no more than what changed."""
        return self.home.resolve() / "read"

    @property
    def runs(self) -> Path:
        """Working folders of notebooks and training sets."""
        return self.home.resolve() / "runs"

    def delivery_policies(self) -> dict[str, Policy]:
        """The shipped delivery policies and a person's own, by name; his win.

        Raises:
            BadSetting: his file cannot be read.
        """
        return known_policies(Path(self.policies) if self.policies else None)

    def delivery_policy(self) -> Policy:
        """The policy that the flows follow.

        Raises:
            BadSetting: no such policy, or one that only a replay can run.
        """
        from evergreen.core.policy import choose

        policy = choose(self.delivery_policies(), self.policy).require_live()
        return policy.with_changes(
            retrain_after=self.retrain_after,
            newer_challenger=self.newer_challenger,
            rollback_window=self.rollback_window,
        )


def _text(value: object) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
