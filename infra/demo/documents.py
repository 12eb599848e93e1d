"""Simulated documents: plausible numbers, and a SHA-256 of a text that says SIMULATED, since there are no bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from random import Random
from typing import Any, Final

from domain.agencies import agency
from domain.catalogue import UnitKind
from domain.units import Unit, Units

MARK: Final = "(số liệu mô phỏng)"
"""Ends the title of every document of the simulation; a log whose first document has it is a demo."""

_SIGNS = {
    "so-tttt": "STTTT",
    "vp-ubnd": "VP",
    "vp-ubnd-hcc": "VP-HCC",
    "vp-ubnd-ioc": "VP-IOC",
    "so-yt": "SYT",
    "cong-an": "CAT",
    "so-gddt": "SGDĐT",
    "nhnn": "NHNN",
    "so-nv": "SNV",
    "so-nnptnt": "SNN",
    "so-xd": "SXD",
    "so-ldtbxh": "SLĐTBXH",
    "so-khdt": "SKHĐT",
    "so-ct": "SCT",
    "so-vhttdl": "SVHTTDL",
    "so-tc": "STC",
    "cuc-tk": "CTK",
    "cuc-thue": "CT",
    "dien-luc": "PCYB",
    "cap-nuoc": "CNYB",
    "bhxh": "BHXH",
    "ubnd-tinh": "UBND",
}


@dataclass(frozen=True, slots=True)
class Office:
    """Who issues a document: the name and the letters after its number. `a_day` is how many it issues on a day."""

    name: str
    sign: str
    a_day: int


COUNCIL_OFFICE: Final = Office("Hội đồng thẩm định tỉnh Yên Bái", "HĐTĐ", 2)


def office_of_agency(agency_id: str) -> Office:
    """The office of an agency that the guidance names."""
    return Office(agency(agency_id).name, _SIGNS[agency_id], 12)


def office_of(unit: Unit, units: Units) -> Office:
    """The office of a unit: a department itself, else its People's Committee."""
    if unit.kind is UnitKind.DEPARTMENT:
        return office_of_agency(unit.id)
    place = unit.name[0].lower() + unit.name[1:]
    if unit.parent_id is not None:
        district = units.get(unit.parent_id).name
        return Office(f"Ủy ban nhân dân {place}, {district[0].lower()}{district[1:]}", "UBND", 2)
    return Office(f"Ủy ban nhân dân {place}", "UBND", 9)


def numbered(rng: Random, office: Office, kind: str, day: date, title: str) -> dict[str, Any]:
    """A document with a number that grows through the year. `kind` is TTr, BC, QĐ … or "" for a letter."""
    number = day.timetuple().tm_yday * office.a_day - rng.randrange(office.a_day)
    return paper(f"{number}/{kind}-{office.sign}" if kind else f"{number}/{office.sign}", office.name, day, title)


def paper(number: str | None, issuer: str, day: date, title: str) -> dict[str, Any]:
    """A document by its name; without a number where the form prints none."""
    said = {"number": number} if number else {}
    text = f"SIMULATED\n{issuer}\n{number or '-'}\n{day.isoformat()}\n{title}\n"
    return said | {
        "date": day.isoformat(),
        "issuer": issuer,
        "sha256": sha256(text.encode()).hexdigest(),
        "title": f"{title} {MARK}",
    }
