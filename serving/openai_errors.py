"""Errors in OpenAI's shape, and what each one means.

{"error": {"message": ..., "type": ..., "param": ..., "code": ...}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}
RETRY_AFTER_S = "1"


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """An error as clients get it."""

    error: ErrorBody


class ApiError(Exception):
    """Ends a request with an answer in OpenAI's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.headers = status, code, param, dict(headers or {})
        if status in (429, 503):
            self.headers.setdefault("retry-after", RETRY_AFTER_S)

    def response(self) -> Response:
        # ASCII: a message may quote half a character of a malformed request, which UTF-8 has no bytes for.
        body = json.dumps(error_body(self))
        return Response(body, status_code=self.status, headers=self.headers, media_type="application/json")


def error_body(error: ApiError) -> dict[str, Any]:
    """The JSON of an error, also for the middle of a stream."""
    kind = TYPES.get(error.status, "api_error")
    return {"error": {"message": str(error), "type": kind, "param": error.param, "code": error.code}}


def unauthorized(*, scheme: str = "Bearer") -> ApiError:
    """No key, or one that is not known; a browser asks its user for one where ``scheme`` is Basic."""
    return ApiError(
        401,
        "no valid key: send 'Authorization: Bearer <key>'; `sparring serve keys add RUN NAME` makes one",
        code="invalid_api_key",
        headers={"www-authenticate": scheme if scheme == "Bearer" else f'{scheme} realm="sparring"'},
    )


def invalid(problems: Sequence[Mapping[str, Any]]) -> ApiError:
    """A body that is not a request, from pydantic's description of why."""
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return ApiError(400, f"{place or 'body'}: {first['msg']}{more}", code="invalid_value", param=place or None)
