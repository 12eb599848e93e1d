"""The page of all errors says what the classes say."""

from __future__ import annotations

from domain.i18n import LANGUAGES
from infra.dev.catalogues import all_errors
from infra.dev.error_page import PAGE, page


def test_the_page_shows_the_tree_as_it_is() -> None:
    """Otherwise: `python -m infra.dev.error_page`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_error_stands_on_the_page_once() -> None:
    """Whatever it is a case of."""
    shown = [
        line.split("|")[2].strip(" `")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    assert sorted(code for code in shown if code.isupper()) == sorted(kind.code for kind in all_errors())


def test_every_error_says_what_to_do() -> None:
    """In both languages; what only has cases need not."""
    bases = {kind.__bases__[0] for kind in all_errors()}
    mute = [
        (kind.code, language)
        for kind in all_errors()
        for language in LANGUAGES
        if kind not in bases and not kind.hint_template(language)
    ]
    assert mute == []
