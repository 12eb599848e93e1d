"""Wheels for the tests of the installation: ours, one that takes our packages' names, and one that lends dependencies.

Nothing is downloaded: what our wheel depends on is lent by the environment that the tests run in, and nothing else is.
"""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "consumers", "schemas", "infra")


def our_wheel(folder: Path) -> Path:
    """The wheel as it is released, built from this checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("dossier-*.whl")
    return built


def hostile_wheel(folder: Path) -> Path:
    """A distribution with packages of our names at the top of site-packages, which nobody can import."""
    files = {}
    for package in PACKAGES:
        for module in ("__init__", "errors", "settings", "bootstrap"):
            files[f"{package}/{module}.py"] = f"raise ImportError('a stranger is {package}')\n"
    files["infra/cli/__init__.py"] = files["infra/cli/main.py"] = "raise ImportError('a stranger is infra.cli')\n"
    return _write_wheel(folder, "hostile", files)


def lending_wheel(folder: Path) -> Path:
    """A distribution that puts our declared dependencies, and theirs, on the path from where they are installed."""
    lent = folder / "lent"
    lent.mkdir()
    wanted, seen = [Requirement("dossier")], set()
    while wanted:
        requirement = wanted.pop()
        name = requirement.name.lower().replace("_", "-")
        if (name, *requirement.extras) in seen:
            continue
        seen.add((name, *requirement.extras))
        found = distribution(name)
        if name != "dossier":
            for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
                if not (lent / top).exists():
                    (lent / top).symlink_to(Path(str(found.locate_file(top))))
        for text in found.requires or ():
            further = Requirement(text)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                wanted.append(further)
    return _write_wheel(folder, "lending", {"lending.pth": f"{lent}\n"})


def _write_wheel(folder: Path, name: str, files: Mapping[str, str]) -> Path:
    info = f"{name}-1.0.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        record = ""
        for file, text in contents.items():
            wheel.writestr(file, text)
            digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{file},sha256={digest},{len(text.encode())}\n"
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path
