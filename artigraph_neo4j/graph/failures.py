"""Errors of Neo4j and its driver, sorted by code, and their meanings for a statement."""

from __future__ import annotations

from enum import Enum

from neo4j.exceptions import DriverError, Neo4jError

from artigraph_neo4j.common.hiding import hidden
from artigraph_neo4j.errors import ArtigraphError, ConnectionFailed, EngineError

__all__ = [
    "AlreadyExistsError",
    "ConflictError",
    "DeniedError",
    "LoginError",
    "Meaning",
    "RefusedError",
    "TooLargeError",
    "is_about_login",
    "is_certain",
    "meaning_of",
    "our_error",
]


class ConflictError(ArtigraphError):
    """A unique constraint refused a write. The caller, which knows the content, names it."""

    def names(self, value: str) -> bool:
        """True if this value is the one that is taken; only for values that occur nowhere else."""
        return value in str(self)


class RefusedError(EngineError):
    """The database refused a statement because of its content, and would do so again."""


class TooLargeError(RefusedError):
    """A transaction needs more memory than the server has for it."""


class AlreadyExistsError(RefusedError):
    """A constraint or an index already exists."""


class DeniedError(EngineError):
    """The database refuses every statement of this kind, with any content."""


class LoginError(ConnectionFailed):
    """The database refused the user name or the password."""


class Meaning(Enum):
    """The meaning of an error for the statement that got it."""

    REFUSED = "something in the statement cannot be stored or run"
    CONFLICT = "a unique constraint has the value already"
    TOO_LARGE = "the transaction needs more memory than there is"
    EXISTS = "the constraint or index is there already"
    DENIED = "no statement of this kind is accepted here"
    LOGIN = "the user name or the password is wrong"
    WAIT = "nothing is wrong with the statement; the database may take it later"


_MEANINGS: tuple[tuple[str, Meaning, str], ...] = (
    ("Neo.ClientError.Schema.ConstraintValidationFailed", Meaning.CONFLICT, "its own meaning"),
    ("Neo.ClientError.Schema.ConstraintAlreadyExists", Meaning.EXISTS, "another process made it"),
    ("Neo.ClientError.Schema.ConstraintWithNameAlreadyExists", Meaning.EXISTS, "likewise"),
    ("Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", Meaning.EXISTS, "likewise"),
    ("Neo.ClientError.Schema.IndexAlreadyExists", Meaning.EXISTS, "likewise"),
    ("Neo.ClientError.Schema.IndexWithNameAlreadyExists", Meaning.EXISTS, "likewise"),
    ("Neo.TransientError.General.OutOfMemoryError", Meaning.TOO_LARGE, "would need it again"),
    ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", Meaning.TOO_LARGE, "likewise"),
    ("Neo.TransientError.General.TransactionOutOfMemoryError", Meaning.TOO_LARGE, "likewise"),
    ("Neo.TransientError.General.TransactionMemoryLimit", Meaning.TOO_LARGE, "likewise"),
    ("Neo.ClientError.General.TransactionOutOfMemoryError", Meaning.TOO_LARGE, "likewise"),
    ("Neo.ClientError.Statement.EntityNotFound", Meaning.WAIT, "deleted between match and lock"),
    ("Neo.ClientError.Security.Unauthorized", Meaning.LOGIN, "its own meaning"),
    ("Neo.ClientError.Security.CredentialsExpired", Meaning.LOGIN, "a new password is due"),
    ("Neo.ClientError.Security.AuthenticationRateLimit", Meaning.WAIT, "too many wrong logins"),
    ("Neo.ClientError.Security.AuthorizationExpired", Meaning.WAIT, "renewed by the next login"),
    ("Neo.ClientError.Security.TokenExpired", Meaning.WAIT, "renewed by the next login"),
    ("Neo.ClientError.Security.", Meaning.DENIED, "a right is missing"),
    ("Neo.ClientError.Database.DatabaseNotFound", Meaning.DENIED, "a wrong name"),
    ("Neo.ClientError.Database.", Meaning.WAIT, "the database is being started or moved"),
    ("Neo.ClientError.Cluster.", Meaning.WAIT, "another member leads"),
    ("Neo.ClientError.General.", Meaning.WAIT, "read-only after a fault, or while it moves"),
    ("Neo.ClientError.Transaction.", Meaning.WAIT, "ended from outside: its time, or its lock"),
    ("Neo.ClientError.", Meaning.REFUSED, "the client is said to be wrong"),
    ("Neo.DatabaseError.Statement.", Meaning.REFUSED, "for example a key too long for an index"),
    ("Neo.DatabaseError.", Meaning.WAIT, "a full disk, a broken store, a restart that is due"),
    ("Neo.TransientError.", Meaning.WAIT, "its own meaning"),
)
"""Prefixes of codes with their meanings and reasons; the first matching prefix decides. Errors that
are about the server, not about the statement, mean to wait."""


def meaning_of(error: Neo4jError) -> Meaning:
    """The meaning of an error that the server sent; an unknown one means to wait."""
    code = error.code or ""
    return next((m for start, m, _ in _MEANINGS if code.startswith(start)), Meaning.WAIT)


def is_about_login(error: Neo4jError) -> bool:
    """True if the login was refused, either for now or until something changes."""
    code = "Neo.ClientError.Security.AuthenticationRateLimit"
    return error.code == code or meaning_of(error) is Meaning.LOGIN


_CERTAIN = (
    "Neo.ClientError.",
    "Neo.DatabaseError.Statement.",
    "Neo.TransientError.Security.",
    "Neo.TransientError.Statement.",
    "Neo.TransientError.Transaction.",
)
"""Prefixes of codes that name the fault of a statement, or of its transaction before the commit.

Other codes may come after it: a database that is being stopped commits a transaction, and then
answers ``DatabaseUnavailable``, since it can no longer make the bookmark."""


def is_certain(error: Exception) -> bool:
    """True if a statement that got this error was certainly not applied."""
    if not isinstance(error, Neo4jError):
        return False
    memory = meaning_of(error) is Meaning.TOO_LARGE
    return memory or (error.code or "").startswith(_CERTAIN)


_LESS = (
    "one transaction needs more memory than the server has for it: record or read less in one call "
    "(batch() writes 2,000 nodes at a time, stream() reads 1,000), or give the server more"
)


def our_error(error: DriverError | Neo4jError, attempts: int) -> ArtigraphError:
    """Make the error to raise for an error of the driver, after some attempts."""
    if not isinstance(error, Neo4jError):
        return ConnectionFailed(
            f"Neo4j could not be reached ({attempts} attempts): {hidden(str(error))}; "
            "check that it runs and that the address is right"
        )
    said = f"{error.code}: {error.message}"
    match meaning_of(error):
        case Meaning.CONFLICT:
            return ConflictError(error.message or str(error))
        case Meaning.LOGIN:
            return LoginError(
                "Neo4j refused the login; check the user name and the password "
                "(NEO4J_USERNAME and NEO4J_PASSWORD, which are read again at each refusal, or "
                "those given to set_engine, which has to be called again)"
            )
        case Meaning.TOO_LARGE:
            return TooLargeError(f"Neo4j refused a statement: {said}; {_LESS}")
        case Meaning.EXISTS:
            return AlreadyExistsError(f"Neo4j refused a statement: {said}")
        case Meaning.DENIED:
            return DeniedError(f"Neo4j does not accept this statement: {said}")
        case Meaning.REFUSED:
            return RefusedError(f"Neo4j refused a statement: {said}")
        case Meaning.WAIT:
            return ConnectionFailed(
                f"Neo4j answered, but did not execute the statement ({attempts} attempts): {said}; "
                "try again when it can, its log says more"
            )
