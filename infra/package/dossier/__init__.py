"""Dossier as it is installed: one package, so that nothing of ours has a common name at the top of site-packages.

The wheel puts `domain`, `projections`, `consumers`, `schemas` and `infra` into this folder, and importing `dossier`
puts this folder first on the path: another distribution's `domain` or `infra` is then never taken for ours. In a
checkout the five stand at the top already, and nothing is changed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_PACKAGES: Final = ("domain", "projections", "consumers", "schemas", "infra")


def _put_first() -> None:
    """Raises ImportError when a package of another distribution was imported under one of our names before."""
    for name in _PACKAGES:
        module = sys.modules.get(name)
        if module is not None and str(_FOLDER / name) not in list(getattr(module, "__path__", ())):
            raise ImportError(f"another `{name}` was imported already, from {module}: import dossier before it")
    folder = str(_FOLDER)
    sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]


if (_FOLDER / "domain").is_dir():
    _put_first()
