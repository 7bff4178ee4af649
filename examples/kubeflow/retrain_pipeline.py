"""A retraining asked for by Kubeflow Pipelines, and the gate's verdict on it.

    python retrain_pipeline.py            # writes retrain_pipeline.yaml, to be uploaded
    python retrain_pipeline.py --local    # runs it on this machine

The components' image needs `evergreen` and PREFECT_API_URL; IMAGE names it.
"""

import os
import sys

from kfp import compiler, dsl, local

IMAGE = os.environ.get("IMAGE", "evergreen")


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def run_to_the_end(deployment: str, parameters: dict, key: str) -> str:
    """Start the deployment, or find the run of `key` again, and wait; the run's id."""
    import json
    import os
    import subprocess

    given = [f"--param={name}={value}" for name, value in parameters.items()]
    command = [os.environ.get("EVERGREEN", "evergreen"), "run", deployment, "--key", key, "--wait", "--json", *given]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["id"]


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def verdict(run: str) -> str:
    """Wait until the newest request is finished, and say what the gate said of its model."""
    import json
    import os
    import subprocess
    import time

    command = [os.environ.get("EVERGREEN", "evergreen"), "requests", "list", "--all", "--limit", "1", "--json"]
    while True:
        requests = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        if not requests:
            return "nothing was asked for"
        if requests[0]["state"] not in ("pending", "running"):
            return requests[0]["verdict"] or requests[0]["state"]
        time.sleep(30)


@dsl.pipeline(name="evergreen-retrain")
def retrain(deployment: str = "retrain", parameters: dict = {"reason": "asked by a pipeline"}, key: str = "1") -> str:
    """Ask for a challenger and end with the gate's verdict."""
    finished = run_to_the_end(deployment=deployment, parameters=parameters, key=key)
    return verdict(run=finished.output).output


if __name__ == "__main__":
    if "--local" in sys.argv:
        local.init(runner=local.SubprocessRunner(use_venv=False), raise_on_error=True)
        local_run = retrain(deployment=os.environ.get("DEPLOYMENT", "retrain"), parameters={})
        print(f"verdict: {local_run.output}")
    else:
        compiler.Compiler().compile(retrain, "retrain_pipeline.yaml")
