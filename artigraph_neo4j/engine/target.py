"""The database of an engine: named by a URL, the environment, or a local stack."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from artigraph_neo4j.errors import EngineError
from artigraph_neo4j.graph.settings import Settings
from artigraph_neo4j.local import LocalStack, StackInfo, running_stack
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.known import open_default

__all__ = ["Target", "choose_target", "stack_target"]

logger = logging.getLogger("artigraph_neo4j")


@dataclass(frozen=True)
class Target:
    """The place that an engine will connect to.

    Attributes:
        description: The text that ``repr`` shows; never a password.
        resolve: Returns the settings, and the default storage if the place has one. It may block,
            since for ``"local"`` it starts servers.
        is_local: Whether it is a local stack, whose schema is created by default.
        is_named_stack: Whether it is a local stack that the program named, whose S3 is the default
            storage whatever the environment names.
    """

    description: str
    resolve: Callable[[], tuple[Settings, Storage | None]]
    is_local: bool = False
    is_named_stack: bool = False

    def __str__(self) -> str:
        return self.description


def choose_target(
    url: str | None, *, username: str | None, password: str | None, database: str | None
) -> Target:
    """Choose the target from a URL, or from the environment.

    Raises:
        EngineError: The URL is not a Neo4j URL, or no setting names the graph.
    """
    if url is not None:
        settings = Settings.from_url(url, username=username, password=password, database=database)
        return Target(settings.shown, lambda: (settings, None))
    found = Settings.from_environment()
    if found is not None:

        def resolve() -> tuple[Settings, Storage | None]:
            """Read the environment again: the password may have changed."""
            now = Settings.from_environment() or found
            settings = Settings(
                found.uri,
                username or now.username,
                password or now.password,
                database or now.database,
            )
            return settings, None

        return Target(f"{found.shown} (NEO4J_URI)", resolve)
    stack = running_stack()
    if stack is not None:
        return Target(
            f"{stack.bolt_url} (artigraph up)",
            lambda: _of_stack(running_stack() or stack),
            is_local=True,
        )
    raise EngineError(
        "nothing says where the graph is: set NEO4J_URI (with NEO4J_USERNAME and NEO4J_PASSWORD), "
        'or start a local stack with "artigraph up", or name one: set_engine("neo4j://...") or '
        'set_engine("local")'
    )


def stack_target(stack: LocalStack | StackInfo | None) -> Target:
    """The target of a local stack; of the default one for None."""

    def resolve() -> tuple[Settings, Storage | None]:
        running = stack if isinstance(stack, StackInfo) else _start(stack or LocalStack())
        settings, storage = _of_stack(running)
        return settings, storage or open_default()

    name = "local stack" if stack is None else f"local stack in {stack.directory}"
    return Target(name, resolve, is_local=True, is_named_stack=True)


def _start(stack: LocalStack) -> StackInfo:
    running = stack.info()
    if running is None:
        logger.warning("starting the local stack (Neo4j and S3); the first time takes minutes")
        running = stack.up()
    return running


def _of_stack(stack: StackInfo) -> tuple[Settings, Storage | None]:
    settings = Settings(stack.bolt_url, stack.username, stack.password, stack.database)
    if not stack.s3_endpoint:
        return settings, None
    try:
        from artigraph_neo4j.storage.aws import S3Storage
    except ImportError:  # without the extra [s3] all values stay in the graph
        return settings, None
    storage = S3Storage(
        stack.s3_bucket,
        endpoint_url=stack.s3_endpoint,
        region_name=stack.s3_region,
        access_key=stack.s3_access_key,
        secret_key=stack.s3_secret_key,
        use_environment=False,  # the user's proxies and AWS profile do not apply here
    )
    return settings, storage
