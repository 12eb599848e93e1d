"""The versions of a dossier's facts: from 1 on, without a gap."""

from __future__ import annotations

from collections.abc import Iterable

from projections.engine.errors import FactMissing


def check_versions(dossier: str, versions: Iterable[int]) -> None:
    """Raises FactMissing, which names the first version that is not where it should be."""
    for expected, version in enumerate(versions, start=1):
        if version != expected:
            raise FactMissing(dossier=dossier, version=expected, found=version)
