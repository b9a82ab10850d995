"""Things in the order in which they came, and pages of them that no newcomer can shift."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from callhub.provider.http import to_json
from callhub.provider.sandbox import reply
from callhub_erzycall.sandbox.checks import text, whole
from callhub_erzycall.sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from callhub.provider.http import Response
    from callhub_erzycall.sandbox.checks import Rules

T = TypeVar("T")

PAGE: Rules = {"limit": whole(1, 100), "cursor": text()}


class Shelf(Generic[T]):
    """Records by id. The place of a record never changes, and the place of a dropped one stays empty."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._records: dict[str, T] = {}
        self._places: list[str] = []

    def put(self, record_id: str, record: T) -> None:
        """Add a record, or change one where it stands."""
        if record_id not in self._records:
            self._places.append(record_id)
        self._records[record_id] = record

    def get(self, record_id: str) -> T:
        """Give a record or raise the 404."""
        if record_id not in self._records:
            raise ApiError("NOT_FOUND", f"{self._noun} not found")
        return self._records[record_id]

    def drop(self, record_id: str) -> None:
        """Remove a record or raise the 404."""
        self.get(record_id)
        del self._records[record_id]

    def __len__(self) -> int:
        return len(self._records)

    def newest(self, below: int | None = None) -> Iterator[tuple[int, T]]:
        """Go from the newest record, or from below that place, to the oldest."""
        top = len(self._places) if below is None else min(below, len(self._places))
        for place in range(top - 1, -1, -1):
            record_id = self._places[place]
            if record_id in self._records:
                yield place, self._records[record_id]

    def page(
        self, asked: Mapping[str, str], wanted: Callable[[T], bool], show: Callable[[T], Any]
    ) -> Response:
        """Answer one page of the records that are wanted."""
        limit = int(asked.get("limit", "25"))
        below = _place(asked["cursor"]) if "cursor" in asked else len(self._places)
        found = ((place, record) for place, record in self.newest(below) if wanted(record))
        rows = list(islice(found, limit + 1))
        last = rows[:limit][-1][0] if rows else below
        pagination = {"cursor": _cursor(last), "hasMore": len(rows) > limit, "pageSize": limit}
        return reply(200, {"data": [show(record) for _, record in rows[:limit]], "pagination": pagination})


def _cursor(place: int) -> str:
    return urlsafe_b64encode(to_json({"pos": place})).decode()


def _place(cursor: str) -> int:
    try:
        place = json.loads(urlsafe_b64decode(cursor))["pos"]
    except (ValueError, TypeError, KeyError):
        place = None
    if type(place) is not int or cursor != _cursor(place):
        raise ApiError("VALIDATION_ERROR", "Invalid query parameters", {"cursor": "Invalid cursor"})
    return place
