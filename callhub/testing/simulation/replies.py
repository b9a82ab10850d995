"""Everything that a vendor may answer to a request, and what it may have done by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callhub.policy import verdict
from callhub.policy.verdict import FAULTS, Verdict
from callhub.provider.http import Fault, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callhub.provider.base import Provider
    from callhub.provider.sandbox import Sandbox

NEVER = -1.0
AT_ONCE = 0.0
LATE = (20.0, 400.0, 590.0)  # seconds after its caller gave up: soon, beyond a look-up's tolerance, at last

STATUSES = (202, 204, 301, 307, 402, 403, 404, 405, 408, 409, 410, 422, 425, 500, 501, 502, 503, 504)
BODIES = (b"", b"<html>thank you</html>", b"[]", b'{"id": 1}', b'{"code": "unheard_of"}')


@dataclass(frozen=True, slots=True)
class Reply:
    """What a vendor answers.

    Attributes:
        acts: how many seconds after its caller is done with it the request is carried out; `NEVER` for not.
        answer: what comes back; None is the vendor's own answer.
        hangs: True where that takes as long as the caller waits.
    """

    acts: float = AT_ONCE
    answer: Response | Fault | None = None
    hangs: bool = False

    def __str__(self) -> str:
        said = self.answer.name if isinstance(self.answer, Fault) else repr(self.answer)
        if self.answer is None:
            return "answers as it should"
        return f"{self._done}, and the answer is {said}"

    @property
    def _done(self) -> str:
        if self.acts <= AT_ONCE:
            return "does nothing" if self.acts < 0 else "carries it out"
        return f"carries it out {self.acts:g} s later"


OWN = Reply()


def every(provider: Provider[Any], sandbox: Sandbox) -> tuple[Reply, ...]:
    """Give every other reply to a request that dials than the one that is hoped for."""
    return (*_refusals(provider, sandbox), *_answers(provider), *_faults())


def kinds(provider: Provider[Any], sandbox: Sandbox) -> tuple[Reply, ...]:
    """Give one reply of every kind."""
    del provider
    maybe = (
        Reply(NEVER, Fault.RESET),
        Reply(AT_ONCE, Fault.RESET),
        Reply(AT_ONCE, Response(500)),
        Reply(LATE[0], Fault.READ_TIMEOUT, hangs=True),
        Reply(LATE[1], Fault.READ_TIMEOUT, hangs=True),
        Reply(NEVER, Response(409)),
    )
    told = (sandbox.refusal(), sandbox.rate_limited(), Response(401))
    refused = [Reply(NEVER, response) for response in told]
    return (Reply(NEVER, Fault.CONNECT), *refused, *maybe)


def few(provider: Provider[Any], sandbox: Sandbox) -> tuple[Reply, ...]:
    """Give the replies that matter where two callers meet: refused, lost before, lost after."""
    del provider
    lost = (Reply(NEVER, Fault.RESET), Reply(AT_ONCE, Fault.RESET))
    return (Reply(NEVER, sandbox.refusal()), *lost)


def none(*_: object) -> tuple[Reply, ...]:
    """Give no reply but the one that is hoped for."""
    return ()


def _refusals(provider: Provider[Any], sandbox: Sandbox) -> Iterator[Reply]:
    """Say each refusal that the plugin's table lists, in the vendor's own form."""
    pattern = sandbox.refusal().body
    told = provider.read_error(sandbox.refusal()).code
    for status, code in provider.refusals:
        body = pattern.replace(told.encode(), code.encode()) if told and code else b""
        yield Reply(NEVER, Response(status, {}, body))
    yield Reply(NEVER, sandbox.refusal())
    yield Reply(NEVER, sandbox.rate_limited())


def _answers(provider: Provider[Any]) -> Iterator[Reply]:
    """Say what proves nothing: the vendor may have done anything by then."""
    given = [Response(status, {"location": "https://elsewhere.invalid/"}) for status in STATUSES]
    for response in (*given, *(Response(200, {}, body) for body in BODIES), Response(409, {}, BODIES[-1])):
        code = provider.read_error(response).code
        proof = not response.ok and verdict.refusal(provider, response.status, code) is not None
        for acts in (NEVER,) if proof else (NEVER, AT_ONCE, LATE[1]):
            yield Reply(acts, response)


def _faults() -> Iterator[Reply]:
    for fault, ended in FAULTS.items():
        for acts in (NEVER,) if ended is Verdict.UNREACHABLE else (NEVER, AT_ONCE, *LATE):
            yield Reply(acts, fault, hangs=fault is Fault.READ_TIMEOUT)
