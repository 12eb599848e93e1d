"""What can stop a projection or a query. All are InfrastructureErrors (exit code 4).

InfrastructureError
├── UnknownEvent        the log holds a type of event that a projection does not know
├── CannotApply         a handler failed on an event
├── ViewsOfAnotherLog   the read models were made from another log
├── ViewsAheadOfLog     the read models know events that the log does not hold
├── ViewsNotBuilt       a read model was asked that was never built, or by another version of the program
└── RebuildSuperseded   another rebuild was put in place first
"""

from __future__ import annotations

from domain.errors import InfrastructureError


class UnknownEvent(InfrastructureError):
    """An event of a type that the projection neither handles nor ignores: the program is older than the log."""

    code = "UNKNOWN_EVENT"
    en = "projection {projection} stopped: event {event} at partition {partition}, position {position} is unknown to it"
    vi = "bảng tra cứu {projection} dừng: không biết sự kiện {event} ở phân vùng {partition}, vị trí {position}"
    hint_en = "a newer program wrote this log: use that one"
    hint_vi = "nhật ký do phiên bản chương trình mới hơn ghi: hãy dùng phiên bản đó"


class CannotApply(InfrastructureError):
    """A projection could not apply an event. All events before it are applied, none after it."""

    code = "CANNOT_APPLY"
    en = (
        "projection {projection} stopped: {event} of dossier {dossier}, version {version} "
        "(partition {partition}, position {position}) cannot be applied: {cause}"
    )
    vi = (
        "bảng tra cứu {projection} dừng: không áp dụng được {event} của hồ sơ {dossier}, phiên bản {version} "
        "(phân vùng {partition}, vị trí {position}): {cause}"
    )
    hint_en = "the log is untouched; once the program is mended the projection goes on from there"
    hint_vi = "nhật ký không bị ảnh hưởng; sau khi sửa chương trình, bảng tra cứu sẽ tiếp tục từ vị trí đó"


class ViewsOfAnotherLog(InfrastructureError):
    """The read models belong to another log."""

    code = "VIEWS_OF_ANOTHER_LOG"
    en = "the read models were made from log {theirs}, not from log {log}"
    vi = "các bảng tra cứu được lập từ nhật ký {theirs}, không phải từ nhật ký {log}"
    hint_en = "name another place for the read models, or delete these: they are made again from the log"
    hint_vi = "chọn nơi khác cho các bảng tra cứu, hoặc xóa chúng: chúng được lập lại từ nhật ký"


class ViewsAheadOfLog(InfrastructureError):
    """The read models have seen more than the log holds: the log lost events, or is an older copy."""

    code = "VIEWS_AHEAD_OF_LOG"
    en = "projection {projection} stands at position {position} of partition {partition}, but the log ends at {head}"
    vi = "bảng tra cứu {projection} ở vị trí {position} của phân vùng {partition}, nhưng nhật ký kết thúc ở {head}"
    hint_en = (
        "look for the whole log first: this one is an older copy or lost its end. If it is the right one, "
        "delete the read models: they are made again from it"
    )
    hint_vi = (
        "trước hết hãy tìm nhật ký đầy đủ: đây là bản sao cũ hoặc đã mất phần cuối. Nếu đúng là nhật ký này, "
        "hãy xóa các bảng tra cứu: chúng được lập lại từ nhật ký"
    )


class ViewsNotBuilt(InfrastructureError):
    """A read model does not exist as this program's version makes it."""

    code = "VIEWS_NOT_BUILT"
    en = "the read model {projection} has not been built by this version of the program"
    vi = "bảng tra cứu {projection} chưa được lập bởi phiên bản chương trình này"
    hint_en = "run: dossier rebuild {projection}"
    hint_vi = "chạy: dossier rebuild {projection}"


class RebuildSuperseded(InfrastructureError):
    """Another rebuild of the same read model was put in place while this one ran; its rows are served."""

    code = "REBUILD_SUPERSEDED"
    en = "another rebuild of {projection} was finished first; this one was dropped"
    vi = "một lần lập lại khác của {projection} đã hoàn tất trước; lần này bị hủy"
    hint_en = "the read model is whole; rebuild again only if you need to"
    hint_vi = "bảng tra cứu vẫn đầy đủ; chỉ lập lại khi cần"
