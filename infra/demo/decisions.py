"""The Chairman's decisions, the announcement, corrections, and recognitions from before the system (I.2, II.4)."""

from __future__ import annotations

from datetime import date
from typing import Any

from domain.agencies import agency
from domain.authorization import Role
from infra.demo.days import decision_day
from infra.demo.documents import MARK, paper
from infra.demo.people import person, random_for
from infra.demo.story import Story, World

_ISSUER = "Ủy ban nhân dân tỉnh Yên Bái"
_KINDS = ("recognise.basic", "recognise.advanced", "reject", "correct", "revoke", "council")
"""One decision a day of each kind, which may name several units: one number for all of them."""

_MEMBERS = (
    "so-tttt", "vp-ubnd", "so-yt", "cong-an", "so-gddt", "nhnn", "so-nv", "so-nnptnt", "so-ldtbxh", "so-khdt",
    "so-ct", "so-tc",
)  # fmt: skip
_ANNOUNCED = (
    "Công bố tại hội nghị và đăng trên Trang thông tin điện tử",
    "Thông báo trên hệ thống truyền thanh và nhóm Zalo của đơn vị",
    "Công bố tại kỳ sinh hoạt thường kỳ và đăng Fanpage",
)


def approve(story: Story) -> None:
    """The Chairman recognises the unit, on one of his days of decision."""
    story.wait_until(decision_day(story.day))
    data = signed(story.world, story.day, f"recognise.{story.level}", "Quyết định công nhận đạt chuyển đổi số")
    story.submit("ApproveRecognition", story.by(Role.CHAIRMAN), {**data, "level": story.level.value})
    story.recognised_on = story.day


def reject(story: Story) -> None:
    """The Chairman does not recognise the unit."""
    story.wait_until(decision_day(story.day))
    data = signed(story.world, story.day, "reject", "Quyết định về việc không công nhận đạt chuyển đổi số")
    reasons = "Kết quả chưa bền vững, cần duy trì ổn định trước khi xem xét lại (mô phỏng)"
    story.submit("RejectRecognition", story.by(Role.CHAIRMAN), {**data, "reasons": reasons})


def announce(story: Story) -> None:
    """The unit announces its recognition in its own manner."""
    story.pass_days(4, 15)
    data = {"place": f"Hội trường {story.unit.name}", "form": story.rng.choice(_ANNOUNCED)}
    story.submit("AnnounceRecognition", story.applicant(), data)


def correct_decision(story: Story) -> None:
    """A later decision corrects a misprint in the number of the first."""
    first = last(story, "ApproveRecognition")["data"]["decision"]
    story.wait_until(decision_day(story.day))
    data = signed(story.world, story.day, "correct", "Quyết định đính chính Quyết định công nhận")
    number = int(first["number"].split("/")[0]) + 1
    corrected = paper(f"{number}/QĐ-UBND", _ISSUER, date.fromisoformat(first["date"]), _bare(first["title"]))
    why = "Đính chính lỗi đánh máy số quyết định (mô phỏng)"
    story.submit("CorrectDecision", story.by(Role.CHAIRMAN), {**data, "reason": why, "corrected": corrected})


def revoke(story: Story) -> None:
    """A later decision takes the recognition back."""
    story.wait_until(decision_day(story.day))
    data = signed(story.world, story.day, "revoke", "Quyết định hủy bỏ Quyết định công nhận")
    why = "Kết quả thẩm định đã được đính chính, không còn đủ điều kiện (mô phỏng)"
    story.submit("RevokeDecision", story.by(Role.CHAIRMAN), {**data, "reason": why})
    story.revoked_on = story.day


def earlier(story: Story, decided_on: date, *, twice: bool = False) -> None:
    """A recognition from before the system is entered with its decision; `twice`: and once more, which is refused."""
    data = signed(story.world, decided_on, f"recognise.{story.level}", "Quyết định công nhận đạt chuyển đổi số")
    story.submit("RecordEarlierRecognition", story.by(Role.STANDING_AGENCY), data, on=decided_on)
    if twice:
        actor = story.by(Role.STANDING_AGENCY)
        story.refused("ALREADY_RECOGNISED", "RecordEarlierRecognition", actor, data, on=decided_on)
    story.recognised_on = decided_on


def correct_fact(
    story: Story,
    command: str,
    actor: dict[str, Any],
    why: str,
    *,
    correction: dict[str, Any] | None = None,
    took_place_on: date | None = None,
) -> None:
    """Who recorded a fact corrects it; the fact stays as it was recorded."""
    data: dict[str, Any] = {"corrects": story.facts[command], "reason": why}
    if correction is not None:
        data["correction"] = correction
    if took_place_on is not None:
        data["took_place_on"] = took_place_on.isoformat()
    story.submit("CorrectFact", actor, data)


def council_of(world: World, day: date, *, changed: bool) -> dict[str, Any]:
    """The data of the council's establishment or change: the change adds Sở Xây dựng, which leads a criterion."""
    members = [*_MEMBERS, "so-xd"] if changed else list(_MEMBERS)
    role = "member.changed" if changed else "member"
    title = "kiện toàn" if changed else "thành lập"
    data = signed(world, day, "council", f"Quyết định {title} Hội đồng thẩm định tỉnh") | {
        "chair": _appointee(world, "ubnd-tinh", "chair", "Phó Chủ tịch Ủy ban nhân dân tỉnh"),
        "standing_vice_chair": _appointee(world, "so-tttt", "director", "Giám đốc Sở"),
        "members": [_appointee(world, member, role, f"Lãnh đạo {agency(member).name}") for member in members],
    }
    return data | {"reason": "Kiện toàn do thay đổi nhân sự (mô phỏng)"} if changed else data


def signed(world: World, day: date, kind: str, title: str) -> dict[str, Any]:
    """A decision of a day, signed by the Chairman or by a deputy for him."""
    rng = random_for(world.seed, "decision", day.isoformat(), kind)
    # Numbers of one day stand together, each kind in its own place.
    number = day.timetuple().tm_yday * 8 - 6 + _KINDS.index(kind)
    capacity = rng.choice(("chairman", "deputy", "deputy"))
    return {
        "decision": paper(f"{number}/QĐ-UBND", _ISSUER, day, title),
        "signer": person(world.seed, "ubnd-tinh", capacity),
        "capacity": capacity,
    }


def corrected_letter(story: Story, command: str, part: str) -> dict[str, Any]:
    """A document of an earlier command with another number."""
    present: dict[str, Any] = last(story, command)["data"][part]
    first, rest = present["number"].split("/", 1)
    number = f"{int(first) + 1}/{rest}"
    return paper(number, present["issuer"], date.fromisoformat(present["date"]), _bare(present["title"]))


def last(story: Story, command: str) -> dict[str, Any]:
    """The latest command of a name that is meant to be accepted."""
    found = [step.envelope for step in story.steps if step.envelope["command"] == command and step.refusal is None]
    return found[-1]


def _bare(title: str) -> str:
    return title.removesuffix(f" {MARK}")


def _appointee(world: World, body: str, role: str, position: str) -> dict[str, str]:
    return {"name": person(world.seed, body, role), "position": position, "agency": body}
