"""The folders of root keys that a person names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.support.i18n import say

if TYPE_CHECKING:
    from infra.log.keys import Signer
    from infra.log.partition_source import PartitionSource

ROOTS_HELP = say("A folder with root keys, where they are kept elsewhere than this host's key; once for each.")


def root_keys(source: PartitionSource, folders: list[Path]) -> list[Signer]:
    """The root keys in these folders, or in that of this host's keys. Raises KeysUnsafe, KeyUnusable."""
    from infra.log.keys import KeyFolder  # noqa: PLC0415  # needed only once it is asked

    chosen = [KeyFolder(folder) for folder in folders] or [source.keys.folder]
    return [signer for folder in chosen for signer in folder.roots()]
