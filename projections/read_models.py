"""The read models of the project."""

from __future__ import annotations

from projections.audit import AUDIT
from projections.council import COUNCIL
from projections.eligibility import ELIGIBILITY
from projections.engine.projection import Projection
from projections.public_decisions.read_model import DECISIONS
from projections.status import STATUS

PROJECTIONS: tuple[Projection, ...] = (STATUS, AUDIT, ELIGIBILITY, COUNCIL, DECISIONS)
