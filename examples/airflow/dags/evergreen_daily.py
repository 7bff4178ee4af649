"""Evergreen's session of the day, started by Airflow: bars in, features, forecasts, outcomes, drift."""

from __future__ import annotations

import os
import sys

import pendulum
from airflow.sdk import DAG
from evergreen_run import EvergreenRun

with DAG(
    "evergreen_daily",
    schedule="45 17 * * 1-5",
    start_date=pendulum.datetime(2024, 1, 1, tz="America/New_York"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2},
) as dag:
    EvergreenRun(task_id="run", deployment=os.environ.get("DEPLOYMENT", "daily"))

if __name__ == "__main__":
    sys.exit(dag.test().state != "success")
