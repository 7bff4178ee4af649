"""What the service counts, in Prometheus' terms; one registry per application."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds: fine around the few milliseconds that an answer takes, then up to the longest wait.
_LATENCY_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Counters and gauges of one running service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.predictions = Counter(
            "evergreen_predictions",
            "Answered predictions by assigned arm and by the model version that answered.",
            ["arm", "version"],
            registry=self.registry,
        )
        self.challenger_failures = Counter(
            "evergreen_challenger_failures",
            "Answers for which the challenger had no forecast: not_finite, absent.",
            ["cause"],
            registry=self.registry,
        )
        self.refresh_failures = Counter(
            "evergreen_refresh_failures",
            "Failed looks at the rollout, the features or a model file.",
            ["part"],
            registry=self.registry,
        )
        self.requests = Histogram(
            "evergreen_request_seconds",
            "Time to the first byte of the answer, by route and status.",
            ["route", "status"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "evergreen_commit_batch_rows",
            "Prediction rows made durable by one commit.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
            registry=self.registry,
        )
        self.snapshot_age = Gauge(
            "evergreen_snapshot_age_seconds",
            "Time since the models and features now serving were last confirmed to be the current ones.",
            registry=self.registry,
        )
        self.rollout_version = Gauge(
            "evergreen_rollout_version", "Version of the rollout row now serving.", registry=self.registry
        )
        self.feature_age = Gauge(
            "evergreen_feature_age_sessions", "Age of the oldest features served.", registry=self.registry
        )
        self.owed_bars = Gauge(
            "evergreen_owed_bars", "Bars that were due and have not arrived.", registry=self.registry
        )
