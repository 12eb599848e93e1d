"""A draft takes its name once, also where a file cannot have two."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.durable_files import take_name


def refused(*_: object, **__: object) -> None:
    raise PermissionError


@pytest.mark.parametrize("links", [True, False], ids=["second names", "no second names"])
def test_a_draft_takes_a_name_that_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", refused)
    draft, path = tmp_path / "draft", tmp_path / "file"
    draft.write_bytes(b"new")
    take_name(draft, path)
    assert (path.read_bytes(), draft.exists()) == (b"new", False)
    draft.write_bytes(b"newer")
    with pytest.raises(FileExistsError):
        take_name(draft, path)
    assert path.read_bytes() == b"new"
