from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from pyarrow import Schema, Table

class ColumnChunkMetaData:
    total_compressed_size: int

class RowGroupMetaData:
    num_rows: int
    def column(self, i: int) -> ColumnChunkMetaData: ...

class FileMetaData:
    metadata: dict[bytes, bytes] | None
    num_columns: int
    num_row_groups: int
    serialized_size: int
    def row_group(self, i: int) -> RowGroupMetaData: ...

class ParquetFile:
    schema_arrow: Schema
    metadata: FileMetaData
    num_row_groups: int
    def __init__(
        self, source: IO[bytes], *, read_dictionary: list[str], pre_buffer: bool
    ) -> None: ...
    def read(self, columns: Sequence[str] | None = None) -> Table: ...
    def read_row_group(self, i: int, columns: Sequence[str] | None = None) -> Table: ...
    def read_row_groups(
        self, row_groups: list[int], columns: Sequence[str] | None = None
    ) -> Table: ...

class ParquetWriter:
    schema: Schema
    def __init__(self, where: Path, schema: Schema, *, compression: str = ...) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def write_table(self, table: Table, row_group_size: int | None = None) -> None: ...

def write_table(
    table: Table,
    where: IO[bytes],
    row_group_size: int | None = None,
    metadata_collector: list[FileMetaData] | None = None,
) -> None: ...
def read_table(source: IO[bytes]) -> Table: ...
