"""The read models of the project."""

from __future__ import annotations

from projections.audit import AUDIT
from projections.council import COUNCIL
from projections.decisions import DECISIONS
from projections.eligibility import ELIGIBILITY
from projections.projection import Projection
from projections.status import STATUS

PROJECTIONS: tuple[Projection, ...] = (STATUS, AUDIT, ELIGIBILITY, COUNCIL, DECISIONS)
