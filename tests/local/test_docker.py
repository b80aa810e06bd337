"""The compose file is valid, and is given everything it asks for by the example settings."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE = shutil.which("docker-compose")


def config(settings: Path) -> subprocess.CompletedProcess[str]:
    assert COMPOSE
    command = [COMPOSE, "-f", "compose.yaml", "--env-file", str(settings), "config"]
    return subprocess.run(command, cwd=DOCKER, capture_output=True, text=True, check=False)


@pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed")
def test_the_compose_file_is_valid() -> None:
    answer = config(DOCKER / ".env.example")
    assert answer.returncode == 0, answer.stderr
    assert "neo4j:2026.09.0" in answer.stdout
    assert "neo4j/change-me-please" in answer.stdout
    ports = [line.strip() for line in answer.stdout.splitlines() if "127.0.0.1:" in line]
    assert sorted(port for port in ports if port.startswith("- 127")) == [
        "- 127.0.0.1:7474:7474/tcp",
        "- 127.0.0.1:7687:7687/tcp",
        "- 127.0.0.1:8333:8333/tcp",
    ]


@pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed")
def test_no_password_is_built_in(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    answer = config(tmp_path / "empty")
    assert answer.returncode != 0
    assert "set it in docker/.env" in answer.stderr


def test_every_image_has_a_version() -> None:
    images = [
        line.split("image:")[1].strip()
        for line in (DOCKER / "compose.yaml").read_text().splitlines()
        if "image:" in line
    ]
    assert len(images) == 2
    assert all(":" in image and not image.endswith(":latest") for image in images)
