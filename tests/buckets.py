"""An S3 server of one's own, on a free loopback port, in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from evergreen.adapters.infra.processes import LOOPBACK

BUCKET = "evergreen"


@contextmanager
def running_s3() -> Iterator[dict[str, str]]:
    """A store with one empty bucket; gives the variables by which its clients find it."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    try:
        url = f"http://{LOOPBACK}:{server.get_host_and_port()[1]}"
        boto3.client("s3", endpoint_url=url, **ANYBODY).create_bucket(Bucket=BUCKET)
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": ANYBODY["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": ANYBODY["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": ANYBODY["region_name"],
            "AWS_EC2_METADATA_DISABLED": "true",  # who has no credentials asks no other address for them
        }
    finally:
        server.stop()


ANYBODY = {"aws_access_key_id": "somebody", "aws_secret_access_key": "a-word", "region_name": "us-east-1"}
