"""What the docs site's reference makes of docstrings: an extension of griffe, named in mkdocs.yml.

Docstrings are written to be read in an editor. For a page, literal blocks become code blocks, names
of the library in double backticks become links, one line of ``Raises`` may go on in the next, and
the functions of ``sync``, which are made by a call, get the signatures they have.
"""

from __future__ import annotations

import re
from textwrap import indent
from typing import Any

import griffe

SYNC = "artigraph_neo4j.sync"
PUBLIC = (
    "artigraph_neo4j",
    "artigraph_neo4j.errors",
    "artigraph_neo4j.find",
    "artigraph_neo4j.gc",
    "artigraph_neo4j.serializer",
    "artigraph_neo4j.storage",
    "artigraph_neo4j.local",
)
"""Where a name is looked for; the first that has it is linked to."""

_CODE = re.compile(r"``([A-Za-z_][\w.]*)(\(\))?``")
_LITERAL = re.compile(r"(?m)^( *)(.*\S)?( ?)::\n\n?((?:\1 +.*\n|\n)+)")


class Docstrings(griffe.Extension):
    """Rewrites docstrings of the whole package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Rewrite all docstrings of the library.

        Args:
            pkg: A package; griffe loads others as well.
            loader: Who loaded it.
        """
        if pkg.path != "artigraph_neo4j":
            return
        _waited_for(pkg["sync"])
        _name_errors(pkg, list(pkg["errors"].exports or ()))
        names = _public_names(pkg)
        _rewrite(pkg, names, {SYNC: {**names, **_names_of(pkg, SYNC)}})


def _public_names(package: griffe.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for place in reversed(PUBLIC):
        names |= _names_of(package, place)
    return names


def _names_of(package: griffe.Module, place: str) -> dict[str, str]:
    module = package if place == package.path else package[place.removeprefix("artigraph_neo4j.")]
    names = {}
    for name in map(str, module.exports or ()):
        member, path = module[name], f"{place}.{name}"
        if member.is_module:  # a function in a module of its name, which hides it from griffe
            member, path = member[name], f"{path}.{name}"
        names[name] = names[f"{place}.{name}"] = path
        if member.is_class:
            for inner, method in member.members.items():
                if not inner.startswith("_") and method.has_docstring:
                    names[f"{name}.{inner}"] = f"{path}.{inner}"
    return names


def _name_errors(module: griffe.Module, errors: list[Any]) -> None:
    """Let ``Raises`` of every module know the errors, which few modules import all of."""
    for name in map(str, errors):
        if name not in module.members:
            module.set_member(name, griffe.Alias(name, f"artigraph_neo4j.errors.{name}"))
    for member in list(module.members.values()):
        if not member.is_alias and member.is_module:
            _name_errors(member, errors)


def _rewrite(
    found: griffe.Object, names: dict[str, str], special: dict[str, dict[str, str]]
) -> None:
    names = special.get(found.path, names)
    if found.docstring is not None:
        found.docstring.value = _page_text(found.docstring.value, names)
    for member in found.members.values():
        if not member.is_alias:
            _rewrite(member, names, special)


def _page_text(text: str, names: dict[str, str]) -> str:
    head, raises, tail = text.partition("\nRaises:\n")
    head = head.replace("\nClass keywords:\n", "\nKeyword Args:\n")
    text = head + raises + re.sub(r",\n +(?=[A-Z]\w+(,|:))", ", ", tail)
    text = _LITERAL.sub(_fenced, f"{text}\n").rstrip("\n")
    return _CODE.sub(lambda found: _linked(found, names), text)


def _fenced(found: re.Match[str]) -> str:
    margin, sentence, space, code = found.groups()
    head = "" if sentence is None else f"{margin}{sentence}{'' if space else ':'}\n\n"
    lines = [line[len(margin) + 4 :] for line in code.strip("\n").split("\n")]
    language = "text" if "├" in code else "python"
    return head + indent("\n".join([f"```{language}", *lines, "```"]), margin) + "\n\n"


def _linked(found: re.Match[str], names: dict[str, str]) -> str:
    name, call = found[1], found[2] or ""
    return f"[`{name}{call}`][{names[name]}]" if name in names else f"`{name}{call}`"


def _waited_for(sync: griffe.Module) -> None:
    """Give ``name = waiting(function)`` the parameters and the docstring of the function."""
    for name, member in list(sync.members.items()):
        if member.is_alias or not str(getattr(member, "value", "")).startswith("waiting("):
            continue
        target = member.value.arguments[0].canonical_path
        function = sync.modules_collection.get_member(target)
        while function.is_alias:
            function = function.final_target
        copy = griffe.Function(
            name,
            parameters=function.parameters,
            returns=function.returns,
            parent=sync,
            lineno=member.lineno,
            endlineno=member.endlineno,
        )
        copy.docstring = griffe.Docstring(function.docstring.value, parent=copy, parser="google")
        sync.set_member(name, copy)
        for known, imported in function.module.members.items():  # for its annotations
            if known not in sync.members:
                sync.set_member(known, griffe.Alias(known, imported.path))
