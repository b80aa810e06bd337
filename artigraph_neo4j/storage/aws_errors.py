"""Conversion of errors of S3 clients and services into the library's own."""

# botocore is only typed with stubs for every AWS service.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from artigraph_neo4j.common.hiding import chained, told
from artigraph_neo4j.errors import BlobNotFoundError, StorageError

try:
    from aiohttp import ClientError as HTTPError
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError('S3Storage needs aiobotocore: pip install "artigraph-neo4j[s3]"') from error

__all__ = ["CONNECTION_ERRORS", "ClientError", "error_code", "mapped_errors", "with_hint"]

CONNECTION_ERRORS = (BotoCoreError, HTTPError, OSError)
"""Errors of a failing connection; a body that ends early raises an error of aiohttp."""

_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_HINTS = {
    "NoSuchBucket": "create the bucket first",
    "AccessDenied": "the credentials lack this permission",
    "403": "the credentials lack this permission",
    "BadDigest": "the bytes are not those that the key names, or were damaged on the way",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the credentials have expired; get new ones",
    "PermanentRedirect": "the bucket is in another region; set AWS_DEFAULT_REGION or region_name",
    "SlowDown": "the service asks for fewer requests at once; lower max_concurrency",
}


def error_code(error: ClientError) -> str:
    """The service's code for an error, or its HTTP status."""
    return str(error.response.get("Error", {}).get("Code", "?"))


def with_hint(code: str) -> str:
    """An error's code, with the next step."""
    return f"{code}; {_HINTS.get(code, 'see the cause')}"


@contextmanager
def mapped_errors(
    what: str, bucket: str, location: str, secrets: Callable[[], Iterable[str]] = tuple
) -> Generator[None]:
    """Convert the client's errors into ours, with the next step in the message.

    Args:
        what: What could not be done.
        bucket: The bucket.
        location: The key.
        secrets: Returns the texts that no message may quote; called after an error.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in _MISSING:
            raise BlobNotFoundError(f"bucket {bucket!r} has no object {location!r}") from error
        raise StorageError(f"{what}: {with_hint(code)}") from chained(error, secrets())
    except NoCredentialsError as error:
        raise StorageError(
            f"{what}: no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or pass access_key and secret_key"
        ) from error
    except TimeoutError as error:
        raise StorageError(
            f"{what}: the service stopped answering; check that it runs and can be reached, or "
            "give S3Storage a larger timeout"
        ) from error
    except (*CONNECTION_ERRORS, ValueError, TypeError) as error:
        raise StorageError(
            f"{what}: {told(error, secrets())}; check the endpoint and the AWS_* settings"
        ) from chained(error, secrets())
