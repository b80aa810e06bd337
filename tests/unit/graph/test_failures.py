"""What an error of Neo4j means: a refusal, or that the database may take the statement later."""

from __future__ import annotations

import pytest
from neo4j.exceptions import Neo4jError, ServiceUnavailable

from artigraph_neo4j.errors import ConnectionFailed, EngineError
from artigraph_neo4j.graph import failures
from artigraph_neo4j.graph.failures import Meaning, is_certain, meaning_of, our_error


def error(code: str) -> Neo4jError:
    return Neo4jError._hydrate_neo4j(code=code, message="as it is")


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("Neo.ClientError.Schema.ConstraintValidationFailed", Meaning.CONFLICT),
        ("Neo.ClientError.Statement.TypeError", Meaning.REFUSED),
        ("Neo.ClientError.Statement.SyntaxError", Meaning.REFUSED),
        ("Neo.DatabaseError.Statement.ExecutionFailed", Meaning.REFUSED),
        ("Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", Meaning.EXISTS),
        ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", Meaning.TOO_LARGE),
        ("Neo.ClientError.Security.Unauthorized", Meaning.LOGIN),
        ("Neo.ClientError.Security.Forbidden", Meaning.DENIED),
        ("Neo.ClientError.Database.DatabaseNotFound", Meaning.DENIED),
        # All that follows is about the server, not about a row.
        ("Neo.ClientError.Security.AuthenticationRateLimit", Meaning.WAIT),
        ("Neo.ClientError.Security.AuthorizationExpired", Meaning.WAIT),
        ("Neo.ClientError.Transaction.LockAcquisitionTimeout", Meaning.WAIT),
        ("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", Meaning.WAIT),
        ("Neo.ClientError.Transaction.LockClientStopped", Meaning.WAIT),
        ("Neo.ClientError.Cluster.NotALeader", Meaning.WAIT),
        ("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", Meaning.WAIT),
        ("Neo.TransientError.Transaction.DeadlockDetected", Meaning.WAIT),
        ("Neo.TransientError.Transaction.LockAcquisitionTimeout", Meaning.WAIT),
        ("Neo.TransientError.General.DatabaseUnavailable", Meaning.WAIT),
        ("Neo.TransientError.Database.DatabaseUnavailable", Meaning.WAIT),
        ("Neo.DatabaseError.General.UnknownError", Meaning.WAIT),
        ("Neo.DatabaseError.Transaction.TransactionLogError", Meaning.WAIT),
        ("Neo.DatabaseError.Transaction.TransactionCommitFailed", Meaning.WAIT),
        ("Neo.DatabaseError.Database.DatabaseLimitReached", Meaning.WAIT),
        ("Neo.SomethingNew.Of.TheNextVersion", Meaning.WAIT),
    ],
)
def test_each_code_has_a_meaning(code: str, meaning: Meaning) -> None:
    assert meaning_of(error(code)) is meaning


def test_each_meaning_has_an_error_of_ours() -> None:
    for start, meaning, _ in failures._MEANINGS:
        code = f"{start}Something" if start.endswith(".") else start
        ours = our_error(error(code), 1)
        waits = meaning in (Meaning.WAIT, Meaning.LOGIN)
        assert isinstance(ours, ConnectionFailed) is waits, code
        assert isinstance(ours, (EngineError, failures.ConflictError))
        refused = meaning in (Meaning.REFUSED, Meaning.TOO_LARGE, Meaning.EXISTS)
        assert isinstance(ours, failures.RefusedError) is refused, code


def test_the_first_that_fits_is_the_most_exact() -> None:
    starts = [start for start, _, _ in failures._MEANINGS]
    for at, start in enumerate(starts):
        assert not any(start.startswith(earlier) for earlier in starts[:at]), start


@pytest.mark.parametrize(
    ("failed", "certain"),
    [
        (error("Neo.ClientError.Statement.TypeError"), True),
        (error("Neo.TransientError.Transaction.DeadlockDetected"), True),
        (error("Neo.ClientError.Transaction.LockClientStopped"), True),
        (error("Neo.DatabaseError.Statement.ExecutionFailed"), True),
        (error("Neo.TransientError.General.TransactionMemoryLimit"), True),
        (error("Neo.TransientError.General.DatabaseUnavailable"), False),
        (error("Neo.TransientError.Cluster.ReplicationFailure"), False),
        (error("Neo.DatabaseError.Transaction.TransactionCommitFailed"), False),
        (error("Neo.DatabaseError.General.UnknownError"), False),
        (ServiceUnavailable("gone"), False),
    ],
)
def test_whether_it_was_certainly_not_applied(failed: Exception, certain: bool) -> None:
    assert is_certain(failed) is certain
