"""What the parts of a hub share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from callhub.flows.context import Context
    from callhub.flows.effects import Steps
    from callhub.provider.order import Page
    from callhub.runtime.runner import Runner

T = TypeVar("T")


class Part:
    """Runs flows on the hub's runner."""

    def __init__(self, context: Context, runner: Runner) -> None:
        self._context = context
        self._runner = runner

    def _pages(self, step: Callable[[Any], Steps[Page[T]]], cursor: Any = None) -> Iterator[T]:
        while True:
            page: Page[T] = self._runner.run(step(cursor))
            yield from page.items
            if page.cursor is None:
                return
            cursor = page.cursor
