"""A second S3 server: moto, which enforces policies of AWS for users of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import boto3

from tests.services import S3Service

REGION = "us-east-1"
BUCKET = "artifacts"
EVERYTHING = [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]


@dataclass
class MotoServer:
    """A running server.

    Attributes:
        endpoint: Its address.
    """

    endpoint: str
    _clients: dict[str, Any] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[MotoServer]:
        """Start it in a process of its own, with a bucket; after that every key needs a policy."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            server = cls(f"http://127.0.0.1:{port}")
            server._wait(process)
            server._client("s3").create_bucket(Bucket=BUCKET)
            yield server
        finally:
            process.terminate()
            process.wait(10)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"{self.endpoint}/moto-api/data.json", timeout=5).close()
                return
            time.sleep(0.1)
        raise RuntimeError("moto did not start")

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id="any",
                aws_secret_access_key="any",
            )
        return self._clients[service]

    def _enforce(self, enforce: bool) -> None:
        request = urllib.request.Request(
            f"{self.endpoint}/moto-api/reset-auth",
            data=b"0" if enforce else b"1e18",
            headers={"Content-Type": "text/plain"},
        )
        urllib.request.urlopen(request, timeout=10).close()

    def user(self, name: str, statements: list[dict[str, Any]]) -> S3Service:
        """A new user who may do what a policy's statements say, and nothing else."""
        iam = self._client("iam")
        self._enforce(False)
        iam.create_user(UserName=name)
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._enforce(True)
        return S3Service(self.endpoint, BUCKET, key["AccessKeyId"], key["SecretAccessKey"], REGION)
