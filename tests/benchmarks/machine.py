"""What a run was measured on: machine, versions, and how busy it was."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

import artigraph_neo4j

PACKAGES = ("neo4j", "neo4j-rust-ext", "neomodel", "msgpack", "aioboto3", "aiobotocore")


def facts() -> dict[str, Any]:
    """All that makes a number what it is, but the load, which every sample has its own of."""
    memory = psutil.virtual_memory()
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory.total / 2**30, 1),
        "memory_free_gib": round(memory.available / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "artigraph-neo4j": artigraph_neo4j.__version__,
        "packages": {name: _version(name) for name in PACKAGES},
        "load": load(),
    }


def load() -> float:
    """Processes that ran or waited to, over the last minute."""
    return round(os.getloadavg()[0], 2)


def resident() -> int:
    """Resident memory of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


def cpu_of(port: int) -> float:
    """Seconds of processor time that the process took which listens on a port; 0 if unknown."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1] == port:
            times = psutil.Process(connection.pid).cpu_times()
            return float(times.user + times.system)
    return 0.0


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
