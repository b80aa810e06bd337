"""Text of other programs without what is secret in it."""

from __future__ import annotations

import pytest

from artigraph_neo4j.common.hiding import chained, hidden, secrets_in, told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no answer of http://host:9000/a", "no answer of http://host:9000/a"),
        ("https://host: refused", "https://host: refused"),
        ("http://[::1]:9000/a 'x:y'", "http://[::1]:9000/a 'x:y'"),
        ("user@host, 12:30 and a: b@c", "user@host, 12:30 and a: b@c"),
        ("s3://bucket/a:b/c", "s3://bucket/a:b/c"),
        ("why? 'http://h/a'? so", "why? 'http://h/a'? so"),
        ("Cannot reach https://me:pw@host/a", "Cannot reach https://…@host/a"),
        ("https://me:p@w@host:1", "https://…@host:1"),
        ("bad: ftp://me:p/w@host/a, sorry", "bad: ftp://… sorry"),
        ("only http://me:pw", "only http://…"),
        ("for url (https://h/k?X-Amz-Signature=s)", "for url (https://h/k?…)"),
        ("simplecache::http://me:pw@h/a?b", "simplecache::http://…@h/a?…"),
        ("Invalid endpoint: me:p/w@host", "Invalid endpoint: …@host"),
    ],
)
def test_urls(text: str, expected: str) -> None:
    assert hidden(text) == expected


def test_values_that_are_known() -> None:
    options = {"password": "one-one", "auth": {"user": "two-two"}, "keys": ["three-three"],
               "region": "eu-central", "secret_key": b"four-four", "token": "x"}  # fmt: skip
    known = secrets_in(options)
    assert set(known) == {"one-one", "two-two", "four-four", "x"}
    assert hidden("xx one-one eu-central four-four", known) == "xx … eu-central …"
    assert told(ValueError("two-two"), known) == "ValueError: …"


def test_causes_that_quote_nothing_secret_stay_as_they_are() -> None:
    error = ValueError("no answer of http://host:9000/a")
    error.__cause__ = OSError(1, "not permitted")
    assert chained(error) is error


@pytest.mark.parametrize("how", ["itself", "cause", "context", "note", "member"])
def test_causes_that_quote_a_secret_are_replaced(how: str) -> None:
    secret = OSError("http://me:pw@host")
    error: BaseException = ValueError("outer")
    match how:
        case "itself":
            error = secret
        case "cause":
            error.__cause__ = secret
        case "context":
            error.__context__ = secret
        case "note":
            error.add_note("http://me:pw@host")
        case _:
            error = ExceptionGroup("outer", [secret])
    found = chained(error)
    said, one = list[str](), found
    while one is not None:
        said.append(str(one))
        one = one.__cause__  # type: ignore[assignment]
    assert "me:pw" not in " ".join(said)
    assert ("OSError: http://…@host" in said) is (how != "note")


def test_errors_that_are_behind_each_other() -> None:
    one, two = OSError("http://me:pw@host"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert "me:pw" not in str(chained(one))
