"""`infra/errors.md`: the whole tree of errors on one page, made from the classes themselves.

`python -m infra.dev.error_page` writes it; a test compares it.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path
from typing import Final

from domain.errors import DossierError, InfrastructureError, InvalidInput
from infra.dev.catalogues import ROOT, all_errors

PAGE: Final = ROOT / "infra" / "errors.md"

_HEADING: Final = """# All errors

Every error has a code that no other has, its texts in the message catalogues (`domain/locales`, key `error.<CODE>`),
and an exit code: 2 for malformed input, 3 for what a rule refuses, 4 for the log, a read model or a file that cannot be
used. A case stands below the error that it is a case of. Made by `python -m infra.dev.error_page`.

| error | code | exit | meaning | module |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The page as it should read."""
    errors = all_errors()
    return _HEADING + "".join(f"{line}\n" for line in _lines(DossierError, errors, 0))


def _lines(kind: type[DossierError], errors: list[type[DossierError]], depth: int) -> Iterator[str]:
    meaning = (getdoc(kind) or "").split("\n")[0].replace("|", "\\|")
    exit_code = 2 if issubclass(kind, InvalidInput) else 4 if issubclass(kind, InfrastructureError) else 3
    name = "&ensp;" * 2 * depth + kind.__name__
    yield f"| {name} | `{kind.code}` | {exit_code} | {meaning} | `{kind.__module__}` |"
    for case in errors:
        if case.__bases__[0] is kind:
            yield from _lines(case, errors, depth + 1)


def main(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
