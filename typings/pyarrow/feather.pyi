from typing import IO

from pyarrow import Table

def read_table(source: IO[bytes]) -> Table: ...
