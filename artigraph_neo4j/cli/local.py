"""``artigraph up``, ``down``, ``status`` and ``env``: the local stack."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from artigraph_neo4j.cli.options import Directory
from artigraph_neo4j.cli.output import Json, Terminal, print_json, say
from artigraph_neo4j.common.wording import size_text
from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import LocalStack, StackInfo, StackStatus
from artigraph_neo4j.local.jars import versions
from artigraph_neo4j.local.record import Record

__all__ = ["commands", "down", "env", "facts", "running", "status", "up"]

commands = typer.Typer(add_completion=False)


def facts(info: StackInfo) -> dict[str, Any]:
    """Return a stack's addresses and credentials, for programs."""
    return {key: str(value) for key, value in asdict(info).items()}


def running(directory: Any) -> StackInfo:
    """Return the running stack in a directory.

    Raises:
        LocalStackError: There is no running stack.
    """
    stack = LocalStack(directory)
    info = stack.info()
    if info is None:
        raise LocalStackError(f"no stack runs in {stack.directory}; start it with: artigraph up")
    return info


@commands.command()
def up(
    directory: Directory = None,
    neo4j_version: Annotated[
        str | None,
        typer.Option(
            "--neo4j-version",
            help="A version to start; by default that of the data, for new data the newest. One of "
            + ", ".join(versions()),
        ),
    ] = None,
    heap: Annotated[str, typer.Option("--heap", help="Memory for Neo4j's heap.")] = "1g",
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every jar of Neo4j byte by byte first.")
    ] = False,
    json: Json = False,
) -> None:
    """Start Neo4j and S3 on this machine, or find them running. The first time takes minutes."""
    stack = LocalStack(directory, neo4j_version=neo4j_version, heap=heap)
    info = stack.up(verify=verify)
    if json:
        print_json(facts(info))
        return
    say(
        f"Neo4j    {info.bolt_url}  ({info.neo4j_version})\n"
        f"Browser  {info.browser_url}\n"
        f"Login    {info.username} / {info.password}\n"
        f"S3       {info.s3_endpoint}  bucket {info.s3_bucket}\n"
        f"Data     {info.directory}\n"
    )


@commands.command()
def down(directory: Directory = None, json: Json = False) -> None:
    """Stop the servers cleanly. Data and credentials stay."""
    stack = LocalStack(directory)
    processes = Record.read(stack.directory).processes.values()
    ran = any(process.alive() for process in processes)
    stack.down()
    if json:
        print_json({"directory": stack.directory, "stopped": ran})
    else:
        say("stopped\n" if ran else f"nothing ran in {stack.directory}\n")


@commands.command()
def status(directory: Directory = None, json: Json = False) -> None:
    """Show addresses, versions, sizes and health. Exit code 3 when not all of it answers."""
    found = LocalStack(directory).status()
    if json:
        servers = [asdict(server) for server in found.servers]
        print_json({"directory": found.directory, "healthy": found.healthy, "servers": servers})
    else:
        Terminal().print(_status_table(found))
    if not found.healthy:
        raise typer.Exit(3)


def _status_table(found: StackStatus) -> Table:
    table = Table(
        "server", "state", "version", "address", "data", title=escape(str(found.directory))
    )
    for server in found.servers:
        state = "up" if server.answers else "starting or stuck" if server.running else "down"
        colour = "green" if server.answers else "red"
        table.add_row(
            server.name,
            f"[{colour}]{state}[/{colour}]",
            server.version,
            server.url if server.running else "",
            size_text(server.bytes),
        )
    return table


@commands.command()
def env(directory: Directory = None, json: Json = False) -> None:
    """Print the environment by which programs find the stack. Use: eval "$(artigraph env)"."""
    found = running(directory).environment()
    if json:
        print_json(found)
    else:
        sys.stdout.writelines(f"export {name}={shlex.quote(v)}\n" for name, v in found.items())
