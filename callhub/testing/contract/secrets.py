"""Keys, numbers and bodies stay out of everything that could be logged."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from callhub.errors import AuthenticationFailed
from callhub.policy import verdict
from callhub.provider.http import Response
from callhub.provider.order import CallFilter
from callhub.provider.sandbox import Hit
from callhub.testing.contract.harness import MARK, Harness, expect

if TYPE_CHECKING:
    from callhub.errors import CallhubError


class SecretTests(Harness):
    """What can be seen of a plugin."""

    def test_the_key_is_in_the_authorization_alone(self) -> None:
        """`authorization` carries the key; no repr and no request does."""
        provider = self.vendor()[0]
        key = provider.settings.api_key.get_secret_value()
        expect(
            any(key in value for _, value in provider.authorization()),
            "authorization() must carry the api_key",
        )
        request = self.dialling_request()
        shown = {
            "repr(provider)": repr(provider),
            "str(provider)": str(provider),
            "repr(provider.settings)": repr(provider.settings),
            "str(provider.settings)": str(provider.settings),
            "repr(Request)": repr(request),
            "Request.path": request.path,
            "Request.headers": str(request.headers),
            "Request.body": (request.body or b"").decode(errors="replace"),
        }
        leaks = [where for where, text in shown.items() if key in text]
        expect(not leaks, f"the api_key shows in {leaks}: keep it a SecretStr, and only in authorization()")

    def test_the_sandbox_asks_for_the_key(self) -> None:
        """Without the key the sandbox answers as the vendor does to a wrong one."""
        provider, sandbox, _ = self.vendor()
        lost = sandbox.handle(Hit("GET", "/")).response
        expect(not lost.ok, f"the sandbox answers GET / without a key with {lost.status}")
        request = next(provider.list_calls(CallFilter(), None, 5))
        answer = sandbox.handle(Hit.of(request.method, request.path, {}, b"")).response
        judged = verdict.refusal(provider, answer.status, provider.read_error(answer).code)
        expect(
            judged is AuthenticationFailed,
            f"without the key the sandbox must give an answer that refusals lists as AuthenticationFailed; "
            f"it gave {answer.status}, which is listed as {judged}",
        )

    def test_numbers_are_in_no_repr(self) -> None:
        """Neither requests nor calls show the number that is called."""
        provider, sandbox, _ = self.vendor()
        seen = self.created(provider, sandbox)
        shown = [repr(request) for request in seen.requests] + [repr(seen.value), repr(self.order())]
        expect(not any(MARK in text for text in shown), "a phone number shows in a repr")

    def test_errors_quote_neither_key_nor_number(self) -> None:
        """An error answer that echoes both becomes an error that shows neither."""
        provider, _, clock = self.vendor()
        key = provider.settings.api_key.get_secret_value()
        for status in (400, 401, 403, 404, 409, 422, 429, 500):
            body = self.error_body(f"{key} {MARK}")
            for dialled in (True, False):
                error = verdict.answer_error(
                    provider, Response(status, {}, body), clock.now(), dialled=dialled
                )
                _expect_clean(error, key, f"the error for {status}")

    def test_an_unreadable_answer_is_not_quoted(self) -> None:
        """An answer that makes no sense is not quoted in the error about it."""
        provider = self.vendor()[0]
        key = provider.settings.api_key.get_secret_value()
        flow = provider.get_call("any")
        next(flow)
        try:
            flow.send(Response(200, {}, f'{{"data": "{key} {MARK}"}}'.encode()))
        except ValueError as error:
            text = "".join(traceback.format_exception_only(error))
            expect(
                key not in text and MARK not in text,
                "an unreadable answer is quoted in the plugin's exception",
            )


def _expect_clean(error: CallhubError, key: str, what: str) -> None:
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    expect(key not in text, f"{what} shows the api_key")
    expect(MARK not in text, f"{what} shows a phone number")
