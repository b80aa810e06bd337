# neomodel is typed but for the base of its nodes, which it makes by calling the metaclass.

from typing import Any, ClassVar, TypeVar

from neomodel.async_.match import AsyncNodeSet
from neomodel.async_.property_manager import AsyncPropertyManager
from neomodel.exceptions import DoesNotExist as _DoesNotExist

_T = TypeVar("_T", bound=AsyncStructuredNode)

class NodeMeta(type):
    # basedpyright takes this one for that of the nodes, too.
    __dict__: dict[str, Any]
    DoesNotExist: type[_DoesNotExist]
    __required_properties__: tuple[str, ...]
    __all_properties__: tuple[tuple[str, Any], ...]
    __all_aliases__: tuple[tuple[str, Any], ...]
    __all_relationships__: tuple[tuple[str, Any], ...]
    __label__: str
    __optional_labels__: list[str]

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any: ...

class _NodesProperty:
    def __get__(self, instance: Any, owner: type[_T]) -> AsyncNodeSet[_T]: ...

class AsyncStructuredNode(AsyncPropertyManager, metaclass=NodeMeta):
    __abstract_node__: ClassVar[bool]
    nodes: ClassVar[_NodesProperty]

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def element_id(self) -> Any | None: ...
    @property
    def was_saved(self) -> bool: ...
    @classmethod
    def inherited_labels(cls) -> list[str]: ...
    async def save(self) -> Any: ...
    async def cypher(self, query: str, params: dict[str, Any] | None = None) -> Any: ...
    async def refresh(self) -> None: ...
    async def delete(self) -> bool: ...
