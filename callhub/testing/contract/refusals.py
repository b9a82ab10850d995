"""Which answers prove that nothing rang, and that every other one is *maybe*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from callhub.errors import CallhubError, RateLimited, Refused
from callhub.policy import verdict
from callhub.policy.verdict import Verdict
from callhub.provider.capability import Feature, Support
from callhub.provider.http import Fault, Response
from callhub.provider.sandbox import Answer, Mishap
from callhub.testing.contract.harness import LIFE, MARK, Harness, expect, fail

if TYPE_CHECKING:
    from callhub.provider.sandbox import Hit

NEVER_A_PROOF = (*range(100, 400), 408, 425, *range(500, 600))


class RefusalTests(Harness):
    """The table of explicit refusals, held against callhub's judgement."""

    def test_the_table_lists_only_what_can_prove_a_no(self) -> None:
        """Statuses that leave the outcome open are not in `refusals`, and every kind is a refusal."""
        expect(
            self.provider_type.refusals,
            "refusals is empty, so that even a wrong key would leave a call in doubt: list the answers by "
            "which the vendor's documents say that nothing was done",
        )
        open_ended = sorted({status for status, _ in self.provider_type.refusals if status in NEVER_A_PROOF})
        expect(not open_ended, f"refusals lists {open_ended}: after such an answer the call may exist")
        bare_conflict = (409, None) in self.provider_type.refusals and self._idempotent
        expect(not bare_conflict, "refusals lists every 409: one may mean that the idempotency key was seen")
        kinds = {kind for kind in self.provider_type.refusals.values() if not issubclass(kind, Refused)}
        expect(not kinds, f"refusals must name subclasses of callhub.Refused, not {kinds}")

    def test_error_answers_are_read_without_raising(self) -> None:
        """read_error copes with any body, and finds the vendor's code."""
        provider = self.vendor()[0]
        for body in (
            b"",
            b"\xff\xfe",
            b"[]",
            b"null",
            b'"x"',
            b"{}",
            b'{"error": 1}',
            b"<html>",
            b"[[[" * 1000,
        ):
            try:
                provider.read_error(Response(400, {}, body))
            except Exception as error:  # noqa: BLE001 - this is what the test is about
                fail(f"read_error raised {type(error).__name__} for the body {body[:20]!r}")
        for status, code in provider.refusals:
            told = provider.read_error(Response(status, {}, self.error_body(code))).code
            expect(
                code is None or told == code,
                f"read_error should find the code {code} in what error_body of this test writes, and that "
                f"must be an error in the vendor's form; it found {told}",
            )

    def test_the_sandbox_refuses_as_the_table_says(self) -> None:
        """What the sandbox answers to a bad request, to haste and on a bad day is judged as such."""
        provider, sandbox, _ = self.vendor()
        for name, status, wanted in (
            ("refusal", 400, Refused),
            ("rate_limited", 429, RateLimited),
            ("internal_error", 500, None),
        ):
            answer: Response = getattr(sandbox, name)()
            expect(answer.status == status, f"the sandbox's {name}() must answer {status}")
            judged = verdict.refusal(provider, status, provider.read_error(answer).code)
            right = judged is None if wanted is None else judged and issubclass(judged, wanted)
            should = f"should list it as {wanted.__name__}" if wanted else "must not list it"
            expect(right, f"the sandbox's {name}() answers {status}; refusals {should}, not as {judged}")

    def test_every_listed_refusal_is_raised_and_frees_the_key(self) -> None:
        """Through a whole hub: the listed error, dialed "no", and the intent can be tried again."""
        for (status, code), kind in self.provider_type.refusals.items():
            error = self._create_answered(Response(status, {}, self.error_body(code)))
            name = f"{status} {code or ''}".strip()
            expect(
                type(error) is kind,
                f"the answer {name} should be {kind.__name__}, not {type(error).__name__}",
            )
            expect(error is not None and error.dialed == "no", f"the answer {name} should be dialed='no'")

    def test_refusals_about_the_person_are_listed(self) -> None:
        """Each code in `about_person` is one of `refusals`: it ends a route, so it must prove a no."""
        listed = {code for _, code in self.provider_type.refusals if code is not None}
        unlisted = sorted(self.provider_type.about_person - listed)
        expect(not unlisted, f"about_person names {unlisted}, which stand in no entry of refusals")

    def test_every_other_status_is_maybe(self) -> None:
        """For each status that no entry covers, whatever its body: could have rung."""
        provider = self.vendor()[0]
        covered = {status for status, code in provider.refusals if code is None}
        for status in sorted({*range(300, 600)} - covered):
            for code in (None, "SOMETHING_NEW"):
                judged = verdict.refusal(provider, status, code)
                expect(judged is None, f"{status} with the code {code} should be maybe, not {judged}")
        for status in sorted({307, 409, 500, 502, 503} - covered):
            error = self._create_answered(Response(status, {}, self.error_body("SOMETHING_NEW")))
            expect(
                error is not None and error.dialed == "maybe", f"the answer {status} should be dialed='maybe'"
            )

    def test_unreadable_success_is_maybe(self) -> None:
        """2xx without a call in it: the vendor may have taken it."""
        for body in (b"", b"<html>", b"{}", b"[]", b'{"data": null}'):
            error = self._create_answered(Response(200, {}, body))
            expect(
                error is not None and error.dialed == "maybe", f"200 with the body {body!r} should be 'maybe'"
            )

    def test_transport_errors_are_judged_by_the_one_table(self) -> None:
        """What left no byte at the vendor is no, everything else maybe."""
        provider = self.vendor()[0]
        for fault in Fault:
            error = verdict.fault_error(provider, fault, dialled=True)
            wanted = "no" if verdict.FAULTS[fault] is Verdict.UNREACHABLE else "maybe"
            expect(error.dialed == wanted, f"{fault.name} should be dialed={wanted!r}")
        for kind, wanted in ((httpx2.ConnectError, "no"), (httpx2.ReadTimeout, "maybe")):
            raised = self._create_answered(kind("cut"))
            expect(
                raised is not None and raised.dialed == wanted, f"{kind.__name__} should be dialed={wanted!r}"
            )

    def test_no_fault_rings_twice(self) -> None:
        """Each fault that the sandbox knows, then the same key again: at most one ring."""
        for mishap in Mishap:
            provider, sandbox, clock = self.vendor()
            sandbox.fail_next(mishap)
            with self.hub(sandbox.handle) as hub:
                for _ in range(3):
                    self._try_to_create(hub)
                clock.advance(600)
                sandbox.clock.advance(600)
            sandbox.settle()
            rung = sandbox.rung[MARK]
            expect(rung <= 1, f"{provider.title}: after {mishap} one key rang {rung} times")

    def test_a_lost_answer_is_settled(self) -> None:
        """A call whose answer was lost is found out by its key or in the list, and rings once."""
        if not self._idempotent and not self.vendor()[0].supports(Feature.LIST):
            return
        for mishap in (Mishap.ERROR_AFTER, Mishap.DROP_AFTER, Mishap.GARBAGE_AFTER):
            _, sandbox, _ = self.vendor()
            sandbox.fail_next(mishap)
            self.dialling_request()  # what isn't written yet tells so by itself
            with self.hub(sandbox.handle) as hub:
                error = self._try_to_create(hub, timeout=60)
                calls = list(hub.calls.history())
            expect(
                error is None and [each.verdict for each in calls[0].attempts] == ["accepted"],
                f"after {mishap} the vendor has the call, and callhub should have found that out by the same "
                f"request again or in the list; it says: {error}",
            )
            sandbox.clock.advance(LIFE)
            sandbox.settle()
            expect(sandbox.rung[MARK] == 1, f"after {mishap} one key rang {sandbox.rung[MARK]} times")

    @property
    def _idempotent(self) -> bool:
        return self.provider_type.capabilities[Feature.IDEMPOTENT_CREATE].support is Support.NATIVE

    def _create_answered(self, answer: Response | Exception) -> CallhubError | None:
        """Create a call through a hub whose vendor gives this one answer to whatever dials."""
        sandbox = self.vendor()[1]
        dialling = self.dialling_request()

        def handler(hit: Hit) -> Answer:
            if (hit.method, hit.path) != (dialling.method, dialling.path.partition("?")[0]):
                return sandbox.handle(hit)
            if isinstance(answer, Exception):
                raise answer
            return Answer(answer)

        with self.hub(handler) as hub:
            return self._try_to_create(hub)

    def _try_to_create(self, hub: Any, timeout: float = 1) -> CallhubError | None:
        order = self.order()
        try:
            hub.calls.create(
                to=MARK,
                script=f"{self.provider_type.name}:{order.script}",
                contact=order.contact,
                variables=dict(order.variables),
                extras={self.provider_type.name: dict(order.extras)},
                idempotency_key="contract",
                timeout=timeout,
            )
        except CallhubError as error:
            return error
        return None
