"""The units of the tests: the province's own, and departments that the guidance does not name."""

from __future__ import annotations

import json
from typing import Final

from domain.units import Units, parse_departments

DEPARTMENTS: Final = json.dumps(
    {
        "add": [
            {"id": "so-tp", "name": "Sở Tư pháp"},
            {"id": "so-gtvt", "name": "Sở Giao thông vận tải"},
            {"id": "so-tnmt", "name": "Sở Tài nguyên và Môi trường"},
            {"id": "so-khcn", "name": "Sở Khoa học và Công nghệ"},
            {"id": "thanh-tra", "name": "Thanh tra tỉnh"},
            {"id": "ban-dan-toc", "name": "Ban Dân tộc"},
        ]
    },
    ensure_ascii=False,
)
"""As the setting DOSSIER_DEPARTMENTS takes them."""
UNITS: Final = Units.load(parse_departments(DEPARTMENTS))
COMMUNE, DISTRICT, DEPARTMENT = UNITS.get("04630"), UNITS.get("135"), UNITS.get("so-tp")
