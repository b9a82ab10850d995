"""Who asks not to be called is left alone from the moment that anything tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from callhub import Suppressed
from tests.core.kit import wish

if TYPE_CHECKING:
    from tests.core.kit import Side, Vendor

LEAVES = "+14155550105"  # asks to be left alone, by its last two digits
SPELT = "+1 (415) 555-0105"


def test_a_list_that_tells_of_it_is_enough(side: Side, aicaller: Vendor) -> None:
    hub = side.hub()
    hub.calls.create(**wish(aicaller, to=LEAVES))
    aicaller.live(600)
    assert [call.outcome for call in hub.calls.list("aicaller")] == ["opted_out"]
    entry = hub.suppression.get(SPELT)
    assert (entry.number, entry.reason, entry.source) == (LEAVES, "opted out", "aicaller")
    with pytest.raises(Suppressed):
        hub.calls.create(**wish("erzycall", to=LEAVES))
    assert aicaller.rung[LEAVES] == 1


def test_a_list_read_again_does_not_undo_what_a_person_decided(side: Side, aicaller: Vendor) -> None:
    hub = side.hub()
    hub.calls.create(**wish(aicaller, to=LEAVES))
    aicaller.live(600)
    list(hub.calls.list("aicaller"))
    assert hub.suppression.remove(SPELT)
    assert [call.outcome for call in hub.calls.list("aicaller")] == ["opted_out"]
    assert hub.suppression.get(LEAVES) is None
