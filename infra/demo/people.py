"""Simulated persons: each body has one person a role, the same in all its commands."""

from __future__ import annotations

from random import Random

_SURNAMES = (
    "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Hà", "Lương", "Nông", "Triệu", "Lý", "Đinh",
    "Phùng", "Lò", "Cầm", "Giàng", "Sùng", "Vàng", "Thào", "Mùa",
)  # fmt: skip
_HMONG = frozenset({"Giàng", "Sùng", "Vàng", "Thào", "Mùa"})
_MEN = (
    ("Văn", "Đức", "Minh", "Quốc", "Hữu", "Xuân", "Ngọc", "Trung"),
    ("An", "Bình", "Cường", "Dũng", "Hải", "Hùng", "Khánh", "Long", "Nam", "Phong", "Quân", "Sơn", "Thắng", "Tuấn"),
)
_WOMEN = (
    ("Thị", "Thanh", "Thu", "Ngọc", "Minh", "Thị Kim", "Thị Hồng"),
    ("Anh", "Chi", "Dung", "Giang", "Hà", "Hạnh", "Hương", "Lan", "Linh", "Mai", "Nga", "Oanh", "Phương", "Thảo"),
)
_HMONG_MEN = (("A",), ("Chư", "Dê", "Lử", "Páo", "Phử", "Sang", "Tủa", "Vư"))
_HMONG_WOMEN = (("Thị",), ("Dợ", "Ganh", "Mỷ", "Pàng", "Sua", "Xúa"))


def random_for(seed: int, *names: str) -> Random:
    """Chance of its own for each purpose: what one dossier draws changes nothing in another."""
    return Random("/".join((str(seed), *names)))  # noqa: S311  # repeatable, and nothing here is secret


def person(seed: int, body: str, role: str) -> str:
    """Who acts for a body in a role."""
    return _name(random_for(seed, "person", body, role))


def persons(rng: Random, count: int) -> list[str]:
    """Different persons, such as those present at a meeting."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[_name(rng)] = None
    return list(found)


def _name(rng: Random) -> str:
    surname = rng.choice(_SURNAMES)
    hmong, woman = surname in _HMONG, rng.random() < 0.4  # noqa: PLR2004  # a share, said by its name
    middle, given = (_HMONG_WOMEN if hmong else _WOMEN) if woman else (_HMONG_MEN if hmong else _MEN)
    return f"{surname} {rng.choice(middle)} {rng.choice(given)}"
