"""What is declared is what is observed: carried, refused or supplied, and never dropped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from callhub.errors import UnsupportedFeature
from callhub.model.contact import Contact
from callhub.policy.routing import NEEDS
from callhub.provider.capability import UNDECLARED, Feature, Support
from callhub.testing.contract.harness import MARK, Harness, expect, places
from callhub.testing.contract.operations import optional

if TYPE_CHECKING:
    from collections.abc import Mapping

SOME_DAY = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
# Two values of each field of an order: what is carried must tell them apart.
VARIANTS: Mapping[str, tuple[Any, Any]] = {
    "to": ("+14155550111", "+14155550122"),
    "script": ("script-one", "script-two"),
    "first_message": ("Hello one", "Hello two"),
    "variables": ({"one": "1"}, {"two": "2"}),
    "contact_id": ("contact-one", "contact-two"),
    "from_number": ("+14155550133", "+14155550144"),
    "record": (True, False),
    "scheduled_at": (SOME_DAY, SOME_DAY + timedelta(seconds=90)),
    "extras": ({"acmeOne": "1"}, {"acmeOne": "2"}),
}


class CapabilityTests(Harness):
    """The capability table, held against what the plugin does."""

    def test_every_feature_is_declared(self) -> None:
        """`capabilities` names each Feature, and says what to do instead of one that is missing."""
        table = self.provider_type.capabilities
        undeclared = [feature.name for feature in Feature if table[feature] is UNDECLARED]
        expect(not undeclared, f"capabilities lacks {', '.join(f'Feature.{name}' for name in undeclared)}")
        silent = [
            feature.name
            for feature, capability in self.provider_type.capabilities.items()
            if capability.support is Support.NOT_AVAILABLE and not capability.note
        ]
        expect(
            not silent,
            f"capabilities says missing() without what to do instead, of {', '.join(silent)}: "
            "let it be native(), supplied() or missing('What to do instead.')",
        )

    def test_settings_are_described(self) -> None:
        """Each setting says what it is: the table of settings is made from that."""
        fields = self.provider_type.settings_type.model_fields
        silent = [name for name, field in fields.items() if not field.description]
        expect(not silent, f"settings_type must describe {silent}: Field(…, description=…)")

    def test_fields_are_carried_or_refused(self) -> None:
        """Each field of an order changes the request, or the table says that it can't be carried."""
        for field, (one, other) in VARIANTS.items():
            feature = NEEDS.get(field)
            carried = self.dialling_request(**{field: one}) != self.dialling_request(**{field: other})
            declared = feature is None or self.provider_type.capabilities[feature].support is Support.NATIVE
            expect(carried == declared, _carrying(f"the order's {field}", feature, carried=carried))

    def test_contact_details_are_carried_as_declared(self) -> None:
        """Name and email of the person change the request where the table says native."""
        declared = self.provider_type.capabilities[Feature.CONTACT_DETAILS].support is Support.NATIVE
        people = (
            Contact(name="Ada", email="a@example.com"),
            Contact(name="Bob", email="a@example.com"),
            Contact(name="Ada", email="b@example.com"),
        )
        first, name, email = (self.dialling_request(contact=person) for person in people)
        carried = first not in (name, email)
        told = _carrying("name and email of the order's contact", Feature.CONTACT_DETAILS, carried=carried)
        expect(carried == declared, told)

    def test_one_instant_is_one_time(self) -> None:
        """The same instant in two zones gives the same bytes."""
        if not self.vendor()[0].supports(Feature.SCHEDULE):
            return
        there = SOME_DAY.astimezone(timezone(timedelta(hours=8)))
        same = self.dialling_request(scheduled_at=SOME_DAY) == self.dialling_request(scheduled_at=there)
        expect(same, "scheduled_at must be sent as one instant, whatever its zone")

    def test_operations_are_what_the_table_says(self) -> None:
        """What isn't native raises UnsupportedFeature at once; what is yields a request."""
        provider = self.vendor()[0]
        for feature, starts in optional(provider).items():
            for name, start in starts.items():
                try:
                    works = next(start()) is not None
                except UnsupportedFeature as error:
                    works = False
                    expect(error.provider == provider.name, f"{name}: raise self.unsupported(Feature…)")
                expect(
                    works == provider.supports(feature),
                    f"{name} works, so Feature.{feature.name} must be native()"
                    if works
                    else f"{name} isn't there, though Feature.{feature.name} is native: write it, "
                    "or let the table say missing('What to do instead.')",
                )

    def test_own_operations_exist(self) -> None:
        """Each name in `operations` is a method."""
        lost = [
            name
            for name in self.provider_type.operations
            if not callable(getattr(self.provider_type, name, None))
        ]
        expect(not lost, f"operations names what isn't there: {lost}")

    def test_extras_cannot_change_who_is_called(self) -> None:
        """An extra by the name that the number goes under is refused by check."""
        request = self.dialling_request()
        try:
            body = json.loads(request.body or b"")
        except ValueError:
            return
        provider = self.vendor()[0]
        for name in {str(trail[0]) for trail in places(body, MARK)}:
            problems = provider.check(self.order(extras={name: "+14155550199"}))
            expect(
                any(problem.field == "extras" for problem in problems),
                f"check must refuse extras that hold {name!r}: they would change who is called",
            )

    def test_ids_cannot_leave_their_place(self) -> None:
        """An id is escaped into the path."""
        provider = self.vendor()[0]
        request = next(provider.get_call("a/../b?c#d"))
        unsafe = any(part in request.path for part in ("a/..", "?c", "#d"))
        expect(not unsafe, "ids must be escaped: build paths by callhub.provider.http.path(...)")


def _carrying(what: str, feature: Feature | None, *, carried: bool) -> str:
    if carried and feature:
        return f"two values of {what} give different requests, so Feature.{feature.name} must be native()"
    either = f", or let the table say missing() of Feature.{feature.name}" if feature else ""
    return f"two values of {what} give the same request: create_call must send it{either}"
