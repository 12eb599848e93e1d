"""Forms to fill in, and what is made of them once they are."""

# ruff: noqa: PLC0415  # the log is needed only once a form is made or given

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import typer

from domain.i18n import Language, text
from infra.cli.support.parsing import NOTE
from infra.cli.support.reporting import note
from infra.cli.support.session import session_of

if TYPE_CHECKING:
    from domain.catalogue import Criterion
    from domain.dossier.aggregate import Dossier

_DOCUMENT: Final = "NUMBER|DATE|ISSUER|FILE|TITLE"
_PERSON: Final = {"name": "", "position": "", "organisation": ""}
_FIGURES: Final[dict[str, dict[str, None]]] = {
    "ratio": {"a": None, "b": None},
    "yes_no": {"answer": None},
    "count": {"count": None},
}


def filled_claims(ctx: typer.Context, claims: Any) -> Any:
    """The claims that were filled in; a criterion whose figure was left as the form has it is left out, with a note."""
    if not isinstance(claims, dict):
        return claims
    filled = {code: claim for code, claim in claims.items() if not _untouched(claim)}
    if len(filled) < len(claims):
        session, left_out = session_of(ctx), ", ".join(code for code in claims if code not in filled)
        note(session.text("not filled in, left out: {left_out}", left_out=left_out))
    return {code: _without_blanks(claim) for code, claim in filled.items()}


def letters_to_all(ctx: typer.Context, dossier: str, letter: dict[str, Any] | None) -> dict[str, Any]:
    """One letter for every agency that leads a criterion of a dossier."""
    from infra.cli.support.dossiers import dossier_of

    with session_of(ctx).application() as application:
        criteria = dossier_of(application, dossier).criteria
    return {criterion.lead_agency: letter for criterion in criteria.values()}


def self_assessment_form(dossier: Dossier, language: Language) -> dict[str, Any]:
    """A claim for every criterion of a dossier: what stands there already, or what is asked for."""
    form: dict[str, Any] = {
        "_how": text(
            'fill in each figure; evidence is a list of "NUMBER|DATE|ISSUER|FILE|TITLE"; '
            'where b is zero, write {"not_applicable": "the reason"}; what begins with _ is not recorded',
            language,
        )
    }
    for code, criterion in dossier.criteria.items():
        form[code] = _about(dossier, criterion)
        if criterion.answer.value in _FIGURES:
            form[code]["figure"] = dict(_FIGURES[criterion.answer.value])
        else:
            form[code]["_computed"] = text(
                "from the decisions of recognition of the communes: no figure is given", language
            )
        form[code]["evidence"] = []
        form[code] |= _given(dossier.claims.get(code, {}))
    return form


def findings_form(dossier: Dossier, language: Language) -> dict[str, Any]:
    """A finding for every criterion of a dossier, beside what was claimed."""
    form: dict[str, Any] = {
        "_how": text("fill in what the council found; what begins with _ is not recorded", language)
    }
    for code, criterion in dossier.criteria.items():
        claimed = _given(dossier.claims.get(code, {})).get("figure", {})
        form[code] = _about(dossier, criterion) | {"_claimed": claimed}
        if claimed.get("not_applicable") is not None:
            form[code]["not_applicable_confirmed"] = None
        else:
            form[code] |= _FIGURES.get(criterion.answer.value, {})
    return form


def meeting_form() -> dict[str, Any]:
    """The minutes of a meeting in the parts of form 02."""
    return {
        "begins": "08:00",
        "ends": "10:30",
        "place": "",
        "body": "",
        "chair": dict(_PERSON),
        "secretary": dict(_PERSON),
        "present": [dict(_PERSON)],
        "report_presented": "",
        "opinions": [],
        "votes": {"in_favour": None, "attending": None, "percent": ""},
        "minutes_approved_percent": "100",
        "signatures": [],
        "minutes": _DOCUMENT.removeprefix("NUMBER"),
    }


def members_form() -> list[dict[str, str]]:
    """The members of the provincial council: one for every agency that leads a criterion."""
    from domain.agencies import agency
    from domain.catalogue import catalogue

    leads = dict.fromkeys(criterion.lead_agency for criterion in catalogue().criteria)
    return [{"name": "", "position": "", "agency": lead, "_agency": agency(lead).name} for lead in leads]


def _about(dossier: Dossier, criterion: Criterion) -> dict[str, Any]:
    from domain.agencies import agency

    column = (
        criterion.levels[dossier.level] if dossier.level in criterion.levels else next(iter(criterion.levels.values()))
    )
    return {
        f"{NOTE}name": criterion.name,
        f"{NOTE}target": column.target_text,
        f"{NOTE}requirement": column.requirement.text.vi,
        f"{NOTE}formula": " ".join(criterion.formula),
        f"{NOTE}lead": agency(criterion.lead_agency).name,
    }


def _given(value: Any) -> Any:
    """A recorded value without what was not given."""
    if isinstance(value, list):
        return [_given(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _given(item) for key, item in value.items() if item is not None and item != []}
    return value


def _untouched(claim: Any) -> bool:
    if not isinstance(claim, dict) or claim.get("evidence") or not isinstance(claim.get("figure"), dict):
        return False
    return all(value is None for value in claim["figure"].values())


def _without_blanks(claim: Any) -> Any:
    """A claim without the blanks of the form beside what was filled in."""
    if not isinstance(claim, dict) or not isinstance(claim.get("figure"), dict):
        return claim
    return {**claim, "figure": {key: value for key, value in claim["figure"].items() if value is not None}}
