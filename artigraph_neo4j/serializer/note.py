"""Notes: Markdown, and HTML that notebooks show in a frame where no script runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from artigraph_neo4j.common.markup import escaped
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, exactly, unreadable

__all__ = [
    "Html",
    "HtmlSerializer",
    "Markdown",
    "MarkdownSerializer",
    "html_serializer",
    "markdown_serializer",
]


@dataclass(frozen=True, slots=True)
class Markdown:
    """A note in Markdown, which notebooks show as such.

    Attributes:
        text: The Markdown.
    """

    text: str

    def _repr_markdown_(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Html:
    """A page or a part of one in HTML. Notebooks show it in a frame in which no script runs.

    Attributes:
        text: The HTML.
    """

    text: str

    def _repr_html_(self) -> str:
        return (
            f'<iframe sandbox srcdoc="{escaped(self.text)}" '
            'style="width:100%;height:20em;border:0"></iframe>'
        )


N = TypeVar("N", Markdown, Html)


class _NoteSerializer(Serializer[N], Generic[N]):
    text: ClassVar[bool] = True
    note: ClassVar[type[Any]]

    def serialize(self, value: N, /) -> bytes:
        """Return the text in UTF-8.

        Raises:
            SerializationError: It is not text, or has a lone surrogate, which UTF-8 cannot hold.
        """
        text: str = exactly(str, exactly(self.note, value).text)
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise SerializationError(
                "the text has a lone surrogate, which UTF-8 cannot hold; replace it"
            ) from error

    def deserialize(self, data: bytes, /) -> N:
        """Return the note.

        Raises:
            SerializationError: The bytes are not text in UTF-8.
        """
        with unreadable("text in UTF-8"):
            made: N = self.note(data.decode())
            return made


class MarkdownSerializer(_NoteSerializer[Markdown]):
    """Markdown as text."""

    name: ClassVar[str] = "markdown"
    types: ClassVar[tuple[type[Any], ...]] = (Markdown,)
    note: ClassVar[type[Any]] = Markdown


class HtmlSerializer(_NoteSerializer[Html]):
    """HTML as text."""

    name: ClassVar[str] = "html"
    types: ClassVar[tuple[type[Any], ...]] = (Html,)
    note: ClassVar[type[Any]] = Html


markdown_serializer = MarkdownSerializer().register()
html_serializer = HtmlSerializer().register()
