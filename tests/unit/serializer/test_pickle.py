"""Pickle is there for who asks, and for nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import find_serializer, infer_serializer, serializer_names
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.pickle import pickle_serializer
from artigraph_neo4j.testing import SerializerTests


class Own:
    """A class of no kind that other serializers know."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


class Failing:
    def __reduce__(self) -> str:
        raise RuntimeError("no")


class TestPickle(SerializerTests):
    serializer = pickle_serializer
    values = (Own(1), [Own(1), {"a": (1, 2.0)}], None)
    refused = (lambda: None, Failing())


def test_never_found_or_inferred() -> None:
    assert find_serializer("pickle") is None
    assert "pickle" not in serializer_names()
    assert infer_serializer(Own) is None
    with pytest.raises(SerializationError, match="has no serializer"):
        pack(Own(1))


def test_stored_data_cannot_ask_for_it(tmp_path: Path) -> None:
    """Bytes that say they are a pickle inside msgpack are refused, and nothing of them is run."""
    import msgpack

    witness = tmp_path / "witness"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (witness,)

    evil = pickle_serializer.serialize(Evil())
    data = msgpack.packb([msgpack.ExtType(40, b""), "pickle", evil])
    with pytest.raises(SerializationError, match="'pickle' is not known"):
        unpack(data)
    assert not witness.exists()
    pickle_serializer.deserialize(evil)
    assert witness.exists()


def test_registering_it_lets_this_process_read_pickles() -> None:
    script = (
        "from artigraph_neo4j.serializer import find_serializer\n"
        "from artigraph_neo4j.serializer.pickle import pickle_serializer\n"
        "assert find_serializer('pickle') is None\n"
        "pickle_serializer.register()\n"
        "assert find_serializer('pickle') is pickle_serializer\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
