"""A session's data version as a Luigi target: other tasks require it and read which bars it stands for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import luigi

EVERGREEN = os.environ.get("EVERGREEN", "evergreen")


class DataVersion(luigi.Task):
    """The data version that a run of Evergreen left; the same session finds the same run again."""

    session = luigi.Parameter()
    deployment = luigi.Parameter(default="daily")
    parameters = luigi.DictParameter(default={})

    def output(self) -> luigi.LocalTarget:
        """A file with the version, its counts and its source."""
        return luigi.LocalTarget(f"data-versions/{self.session}.json")

    def run(self) -> None:
        """Run Evergreen's flow to its end, then write down the newest data version."""
        given = [f"--param={name}={value}" for name, value in self.parameters.items()]
        key = f"luigi-{self.deployment}-{self.session}"
        subprocess.run(
            [EVERGREEN, "run", self.deployment, "--key", key, "--wait", *given], check=True, stdout=sys.stderr
        )
        log = subprocess.run([EVERGREEN, "data", "log", "--limit", "1", "--json"], check=True, capture_output=True)
        with self.output().open("w") as file:
            json.dump(json.loads(log.stdout)[0], file, indent=2)


if __name__ == "__main__":
    sys.exit(not luigi.run())
