"""``artigraph check``: artifacts that violate policies about their origin."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from artigraph_neo4j.cli.graph import import_modules
from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.cli.steps import step_line, steps_facts
from artigraph_neo4j.common.colours import ERROR
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.questions.policy import Policy, Violation, check_policies, registered_policies

__all__ = ["check", "commands"]

commands = typer.Typer(add_completion=False)


@commands.command()
def check(
    modules: Annotated[
        list[str],
        typer.Argument(metavar="MODULE...", help="Modules or files that register policies."),
    ],
    url: Url = None,
    json: Json = False,
) -> None:
    """Show artifacts that come from what a policy forbids. Exit code 1 if there are any."""
    import_modules(modules)

    async def work() -> tuple[list[Policy], list[Violation]]:
        policies = registered_policies()
        if not policies:
            raise NotFoundError(
                f"{', '.join(modules)} registers no policy; write one as Policy(...).register()"
            )
        return policies, await check_policies(*policies)

    policies, found = run(url, work)
    if json:
        print_json(
            {
                "policies": [policy.name for policy in policies],
                "violations": [
                    {
                        "policy": item.policy,
                        "node_id": item.node_id,
                        "source": item.source,
                        "way": steps_facts(item.way),
                    }
                    for item in found
                ],
            }
        )
    else:
        out = Terminal()
        for policy in policies:
            broken = [item for item in found if item.policy == policy.name]
            state = f"{len(broken):,} artifacts break it" if broken else "kept"
            out.print(Text.assemble((policy.name, "bold"), f": {state}"))
            for item in broken:
                if not item.way:
                    missing = f"  {item.node_id} did not pass what it has to"
                    out.print(Text(missing, ERROR.fill))
                for depth, step in enumerate(item.way):
                    out.print(Text.assemble("  " * (depth + 1), step_line(step)))
    if found:
        raise typer.Exit(1)
