"""What the parts of a hub share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from callhub.flows.context import Context
    from callhub.flows.effects import Steps
    from callhub.provider.order import Page
    from callhub.runtime.runner import AsyncRunner

T = TypeVar("T")


class Part:
    """Runs flows on the hub's runner."""

    def __init__(self, context: Context, runner: AsyncRunner) -> None:
        self._context = context
        self._runner = runner

    async def _pages(self, step: Callable[[Any], Steps[Page[T]]], cursor: Any = None) -> AsyncIterator[T]:
        while True:
            page: Page[T] = await self._runner.run(step(cursor))
            for item in page.items:
                yield item
            if page.cursor is None:
                return
            cursor = page.cursor
