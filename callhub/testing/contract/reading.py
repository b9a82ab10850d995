"""Read leniently: unknown words, missing and strange fields must not raise, and nothing gets lost."""

from __future__ import annotations

from functools import partial
from typing import Any

from callhub.model.lifecycle import CallStatus
from callhub.provider.sandbox import PERSONAS
from callhub.testing.contract.harness import MARK, Harness, changed, expect, fail, leaves, places

NEW_WORD = "a-word-nobody-knows"
STRANGE = (None, {"strange": [1]}, [1], 7, 1e300, True, "strange")


class ReadingTests(Harness):
    """What a vendor's answer becomes."""

    def test_a_created_call_is_read(self) -> None:
        """create_call gives provider, the vendor's id, a status and the body as it came."""
        provider, sandbox, _ = self.vendor()
        call = self.created(provider, sandbox).value
        expect(call.provider == provider.name, "Call.provider must be the provider's name")
        expect(call.provider_call_id, "Call.provider_call_id must hold the vendor's id")
        expect(
            call.id == f"{provider.name}:{call.provider_call_id}", "Call.id must be '<provider>:<vendor id>'"
        )
        expect(not call.terminal and call.outcome is None, "a call that was just created can't be over")
        expect(isinstance(call.raw, dict), "Call.raw must be the vendor's object: give Call a Source")
        said = any(places(call.raw, MARK))
        expect(not said or call.to == MARK, "Call.to must hold the number, for the vendor tells it")

    def test_every_documented_word_is_mapped(self) -> None:
        """Each word of `statuses` is read as the table says, and kept."""
        expect(self.provider_type.statuses, "statuses is empty: list every status word of the vendor's")
        provider, sandbox, _ = self.vendor()
        call, body, answer = self.read_back(provider, sandbox)
        read_words = set()
        for trail in places(body, call.provider_status):
            for word, status in provider.statuses.items():
                read = self.reread(provider, answer, changed(body, trail, word))
                if read.provider_status != word:
                    continue  # another field with the same text
                read_words.add(word)
                expect(read.status is status, f"the word {word!r} should be {status}, not {read.status}")
                over = read.outcome is not None
                expect(
                    over == read.terminal, f"{word!r}: outcome must be set where the call is over, only there"
                )
        unread = sorted(set(provider.statuses) - read_words)
        expect(not unread, f"Call.provider_status never became {unread}: is the vendor's word kept as it is?")

    def test_an_unknown_word_is_no_error(self) -> None:
        """A word that the table lacks becomes CallStatus.UNKNOWN and stays on the call."""
        provider, sandbox, _ = self.vendor()
        call, body, answer = self.read_back(provider, sandbox)
        reads = [
            self._lenient(answer, changed(body, trail, NEW_WORD), f"the unknown word at {trail}")
            for trail in places(body, call.provider_status)
        ]
        kept = [read for read in reads if read.provider_status == NEW_WORD]
        expect(kept, "an unknown status word must survive in Call.provider_status")
        expect(
            all(read.status is CallStatus.UNKNOWN for read in kept),
            "an unknown word must be CallStatus.UNKNOWN",
        )

    def test_missing_and_strange_fields_are_no_error(self) -> None:
        """Whatever a field becomes, a call is read as long as its id is there."""
        provider, sandbox, clock = self.vendor()
        call_id = self.created(provider, sandbox).value.provider_call_id
        clock.advance(600)
        seen = self.drive(provider, sandbox, lambda: provider.get_call(call_id))
        body, answer = seen.answer.json() if seen.answer else None, seen.answer
        if answer is None:
            return
        ids = set(places(body, call_id))
        above = {trail[:length] for trail in ids for length in range(len(trail) + 1)}
        for trail in leaves(body):
            if trail in above:
                continue
            self._lenient(answer, changed(body, trail, None, drop=True), f"{trail} missing")
            for value in STRANGE:
                self._lenient(answer, changed(body, trail, value), f"{trail} being {value!r}")
            self._lenient(
                answer, changed(body, (*trail[:-1], "brandNewField"), {"a": 1}), "a field nobody knows"
            )

    def test_a_call_without_its_id_is_unreadable(self) -> None:
        """Without the vendor's id there is no call: ValueError, so that callhub can judge."""
        provider, sandbox, _ = self.vendor()
        call, body, answer = self.read_back(provider, sandbox)
        without = body
        for trail in places(body, call.provider_call_id):
            without = changed(without, trail, None, drop=True)
        try:
            read = self.reread(provider, answer, without)
        except ValueError:
            return
        fail(f"a call without its id must raise ValueError; it became {read!r}")

    def test_everything_that_the_sandbox_says_is_known(self) -> None:
        """Through the whole life of every persona, no word is UNKNOWN."""
        for suffix in ("00", *PERSONAS):
            provider, sandbox, clock = self.vendor()
            call_id = self.created(provider, sandbox, to=f"+141555501{suffix}").value.provider_call_id
            for _ in range(60):
                seen = self.drive(provider, sandbox, partial(provider.get_call, call_id))
                word = seen.value.provider_status
                expect(word in provider.statuses, f"the sandbox says {word!r}, which `statuses` lacks")
                clock.advance(5)
            expect(seen.value.terminal, f"a call to …{suffix} should be over after five minutes")

    def _lenient(self, answer: Any, body: object, what: str) -> Any:
        provider = self.vendor()[0]
        try:
            return self.reread(provider, answer, body)
        except Exception as error:
            raise AssertionError(
                f"get_call raised {type(error).__name__} with {what}: read leniently"
            ) from error
