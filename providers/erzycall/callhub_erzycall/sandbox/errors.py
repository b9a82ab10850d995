"""Every error code with its status, and the envelope that they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.provider.sandbox import reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.provider.http import Response

STATUS: Mapping[str, int] = {
    "UNAUTHORIZED": 401,
    "KEY_REVOKED": 401,
    "KEY_EXPIRED": 401,
    "INSUFFICIENT_SCOPE": 403,
    "CONTACT_OPTED_OUT": 403,
    "VALIDATION_ERROR": 400,
    "INVALID_JSON": 400,
    "INVALID_ID": 400,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "IDEMPOTENCY_MISMATCH": 409,
    "INVALID_STATE": 422,
    "INVALID_PHONE": 422,
    "MAX_ENDPOINTS": 422,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "NOT_EMULATED": 501,
}


class ApiError(Exception):
    """An answer that isn't 2xx: `fields` maps each wrong field to what is wrong with it."""

    def __init__(self, code: str, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.fields = fields or {}
        self.headers: dict[str, str] = {}

    def response(self) -> Response:
        """Make the documented envelope."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.fields:
            error["details"] = [{"field": name, "message": text} for name, text in self.fields.items()]
        return reply(STATUS[self.code], {"error": error}, self.headers)


class RateLimitedError(ApiError):
    """429, with the seconds after which the next request is let through."""

    def __init__(self, seconds: int) -> None:
        super().__init__("RATE_LIMITED", f"Rate limit exceeded. Retry after {seconds}s")
        self.headers["retry-after"] = str(seconds)
