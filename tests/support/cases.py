"""One test for many rows of data that all walk the same path through the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def for_each(cases: Mapping[str, tuple[Any, ...]]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Call a test with the arguments of every case; what fails is told with the names of all cases that fail."""

    def decorate(check: Callable[..., None]) -> Callable[[], None]:
        def test() -> None:
            wrong: dict[str, str] = {}
            for name, arguments in cases.items():
                try:
                    check(*arguments)
                except AssertionError as error:
                    wrong[name] = str(error)
            assert cases
            assert wrong == {}

        test.__name__ = test.__qualname__ = check.__name__
        test.__doc__ = check.__doc__
        test.__module__ = check.__module__
        return test

    return decorate
