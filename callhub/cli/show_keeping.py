"""How the ledger looks, the suppression list, and what came of settling calls."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from callhub.cli.out import Column, View
from callhub.cli.show import day, moment, values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callhub.flows.operations import Entry
    from callhub.flows.operations.keeping import Forgotten, LedgerInfo, Purged, Restoration
    from callhub.flows.recover import Recovery
    from callhub.flows.suppression import Suppression
    from callhub.ledger.backup import Restored
    from callhub.model.call import Call
    from callhub.model.explanation import Explanation

_ERASED = "erased, known by its hash"


def explained(found: Explanation) -> dict[str, Any]:
    """Give an explanation with JSON types only."""
    import msgspec  # noqa: PLC0415 - not for help

    bare = msgspec.structs.replace(found.call, source=None)
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(found, call=bare))
    return {**plain, "call": found.call.to_dict()}


def _info(info: LedgerInfo) -> Iterator[tuple[str, object]]:
    yield from (("ledger", info.where), ("kind", f"{info.kind}, version {info.version}"))
    yield from (("size", f"{info.size:,} bytes"), ("calls", values(info.calls) or "none"))
    person = f", of which {info.needs_person} need a person" if info.needs_person else ""
    yield "in doubt", f"{info.unsettled}{person}: callhub recover" if info.unsettled else "none"
    yield from (("oldest", moment(info.oldest)), ("newest", moment(info.newest)))
    yield from (("erased", info.erased or None), ("contacts", info.contacts), ("suppressed", info.suppressed))
    yield from _restoration(info.restored)


def _restoration(mark: Restoration | None) -> Iterator[tuple[str, object]]:
    if mark is None:
        return
    yield "restored", f"{moment(mark.at)} by {mark.by}"
    yield "knows until", moment(mark.since) if mark.since.timestamp() else "it knows no call"
    reopened = f"{moment(mark.reopened_at)} by {mark.reopened_by}" if mark.reopened_at else None
    yield "unknown keys", f"new, said {reopened}" if reopened else "looked up first, unless made since"


def _restored(done: Restored) -> Iterator[tuple[str, object]]:
    yield from (("ledger", done.where), ("replaced", done.replaced))
    yield "suppressed", f"{done.suppressed} taken over from what was replaced" if done.suppressed else None
    if done.restoration is None:
        yield "keys", "dialled as before: nothing was dialled after the copy was made"
    yield from _restoration(done.restoration)


def _forgotten(done: Forgotten) -> Iterator[tuple[str, object]]:
    yield from (("calls", done.calls), ("attempts", done.attempts), ("contacts", done.contacts))
    yield "suppressed", f"{done.suppressed}, which go on to hold" if done.suppressed else None
    yield "needs a person", ", ".join(done.needs_person)
    yield from (("still open", ", ".join(done.open)), ("at vendors", ", ".join(done.at_vendors)))
    yield "not yet wiped", None if done.wiped else "a reader was in the way: run it again later"


def _purged(done: Purged) -> Iterator[tuple[str, object]]:
    yield from (("cleared", f"{done.calls} calls"), ("events", done.events))
    yield "kept whole", f"{done.kept} as old, which aren't settled" if done.kept else None


def _recovery(report: Recovery) -> Iterator[tuple[str, object]]:
    found = _recovered(report)
    if not any(found.values()):
        yield "in doubt", "no call"
    for title, calls in found.items():
        yield title.replace("_", " "), _ids(calls)
    yield from ((f"  {call_id}", why) for call_id, why in report.problems.items())


def _recovered(report: Recovery) -> dict[str, Sequence[Call]]:
    return {
        "placed": report.placed,
        "not_placed": report.not_placed,
        "in_doubt": report.in_doubt,
        "needs_person": report.needs_person,
        "cancelled": report.cancelled,
    }


def _suppressed(done: Suppression) -> Iterator[tuple[str, object]]:
    yield "on the list", f"{len(done.entries)} numbers" if len(done.entries) != 1 else done.entries[0].number
    yield from (("cancelled", _ids(done.cancelled)), ("not stopped", _ids(done.not_cancelled)))


def _ids(calls: Sequence[Call]) -> str:
    return ", ".join(call.id for call in calls)


def _dicts(calls: Sequence[Call]) -> list[dict[str, Any]]:
    return [call.to_dict() for call in calls]


INFO: View[LedgerInfo] = View(asdict, (), _info)
RESTORED: View[Restored] = View(asdict, (), _restored)
FORGOTTEN: View[Forgotten] = View(asdict, (), _forgotten)
PURGED: View[Purged] = View(asdict, (), _purged)
RECOVERY: View[Recovery] = View(
    lambda report: (
        {name: _dicts(calls) for name, calls in _recovered(report).items()} | {"problems": report.problems}
    ),
    (),
    _recovery,
)
SUPPRESSED: View[Suppression] = View(
    lambda done: {
        "entries": [asdict(entry) for entry in done.entries],
        "cancelled": _dicts(done.cancelled),
        "not_cancelled": _dicts(done.not_cancelled),
        "reasons": done.reasons,
    },
    (),
    _suppressed,
)
ENTRIES: View[Entry] = View(
    asdict,
    (
        Column("number", 12, lambda entry: entry.number or _ERASED),
        Column("added", 11, lambda entry: day(entry.added_at)),
        Column("source", 8, lambda entry: entry.source),
        Column("reason", 20, lambda entry: entry.reason),
    ),
    lambda entry: (
        ("number", entry.number or _ERASED),
        ("added", moment(entry.added_at)),
        ("source", entry.source),
        ("reason", entry.reason),
    ),
)
