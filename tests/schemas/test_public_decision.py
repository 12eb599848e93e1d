"""The public decision is released with an example of each kind, which is read as it was written."""

from __future__ import annotations

import pytest

from schemas.public_decision import decoded, example, examples, newest, single_object


def test_there_is_an_example_of_every_kind() -> None:
    assert set(examples()) == {
        "approved",
        "rejected",
        "announced",
        "corrected",
        "revoked",
        "eligibility_changed",
        "recognised_earlier",
    }


@pytest.mark.parametrize("kind", examples())
def test_an_example_comes_back_as_it_was(kind: str) -> None:
    assert decoded(single_object(example(kind))) == example(kind)


def test_a_single_object_of_an_unknown_schema_is_refused() -> None:
    value = single_object(example("approved"))
    with pytest.raises(KeyError):
        decoded(value[:2] + bytes(8) + value[10:])
    assert value.startswith(newest().header)
