"""A program whose work runs in other threads and processes; it prints the id of its root span."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from joblib import Parallel, delayed

from artigraph_neo4j import carry_span, parent_environment, set_engine, sync
from tests.graph.recording.nested_work import step, step_async


def main() -> None:
    set_engine()
    with sync.span_context(label="root") as root:
        spawning = multiprocessing.get_context("spawn")
        forking = multiprocessing.get_context("fork")
        environment = {**os.environ, **parent_environment()}
        with ThreadPoolExecutor(2) as pool:
            for label in ("first", "second"):
                with sync.span_context(label=label):
                    list(pool.map(carry_span(step), ["thread a", "thread b"]))
                    thread = threading.Thread(target=carry_span(step), args=("bare thread",))
                    thread.start()
                    thread.join()
                    asyncio.run(carry_span(step_async)("async"))
        with forking.Pool(1) as forked, ProcessPoolExecutor(1, mp_context=spawning) as spawned:
            forked.map(carry_span(step), ["fork too early"])
            for label in ("third", "fourth"):
                with sync.span_context(label=label):
                    forked.map(carry_span(step), ["fork"])
                    list(spawned.map(carry_span(step), ["spawn"]))
                    Parallel(1, backend="loky")(delayed(carry_span(step))(x) for x in ["joblib"])
        process = forking.Process(target=step, args=("forked process",))
        process.start()
        process.join()
        assert process.exitcode == 0
        code = "from tests.graph.recording.nested_work import step; step('subprocess')"
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        print(root.node_id)


if __name__ == "__main__":
    main()
