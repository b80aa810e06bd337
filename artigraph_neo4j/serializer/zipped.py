"""Zip files without compression, whose members are checked before any is used."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from artigraph_neo4j.serializer.base import DamagedError, shown

__all__ = ["unzipped", "zipped"]


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file; equal members make equal bytes, since all have the same date."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return sink.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """Return the members of a zip file, which must be uncompressed and must not overlap.

    Raises:
        DamagedError: A member is compressed, or is there twice, or they take more bytes than the
            file.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in found):
            raise DamagedError("a member is compressed")
        if sum(member.file_size for member in found) > len(data):
            raise DamagedError("its members take more bytes than the file")
        members = {member.filename: archive.read(member) for member in found}
    if len(members) < len(found):
        raise DamagedError(f"a member is there twice: {shown(list(members))}")
    return members
