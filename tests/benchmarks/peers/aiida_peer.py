"""AiiDA on a SQLite database in memory. Runs in its own environment; see ``outside.py``."""

import json
import os
import sys
import time
from importlib.metadata import version

os.environ["AIIDA_PATH"] = sys.argv[1]
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from aiida import load_profile, orm  # noqa: E402
from aiida.common.links import LinkType  # noqa: E402
from aiida.storage.sqlite_temp import SqliteTempBackend  # noqa: E402

ladders = {}


def grow(layers):
    """Layers of two calculations, each using both results of the layer before."""
    before = []
    for _ in range(layers):
        made = []
        for _ in range(2):
            calculation = orm.CalculationNode()
            for number, used in enumerate(before):
                calculation.base.links.add_incoming(used, LinkType.INPUT_CALC, f"x{number}")
            calculation.store()
            result = orm.Int(1)
            result.base.links.add_incoming(calculation, LinkType.CREATE, "result")
            made.append(result.store())
        before = made
    return before[0].pk


def ancestors(layers):
    """All that a result of the last layer came from; a row for each way that leads there."""
    if layers not in ladders:
        ladders[layers] = grow(layers)
    begin = time.perf_counter()
    query = orm.QueryBuilder().append(orm.Node, filters={"id": ladders[layers]}, tag="last")
    query.append(orm.Node, with_descendants="last", project="id")
    found = query.all(flat=True)
    seconds = time.perf_counter() - begin
    assert len(set(found)) == 4 * layers - 3
    return {"seconds": seconds, "rows": len(found)}


def answer(told):
    print(json.dumps(told), file=ANSWERS, flush=True)


def main():
    load_profile(SqliteTempBackend.create_profile("bench", debug=False), allow_switch=True)
    answer({"aiida-core": version("aiida-core")})
    for line in sys.stdin:
        _, count = json.loads(line)
        answer(ancestors(count))


main()
