"""What can stop a projection or a query. All are InfrastructureErrors (exit code 4).

InfrastructureError
├── UnknownEvent        the log holds a type of event that a projection does not know
├── CannotApply         an event could not be applied, and nothing may go on behind it
├── BrokenChain         the log skips a position
├── ViewsOfAnotherLog   the read models were made from another log
├── ViewsAheadOfLog     the read models know events that the log does not hold
├── ViewsNotBuilt       a read model was asked that was never built, or by another version of the program
├── ViewsOfNewerProgram a newer version of the program built what is served
├── NotYetReflected     a read model did not reach a position in time
├── DossierParked       an event of the dossier that was asked for could not be applied
├── NothingParked       no event of such a dossier waits
├── RebuildSuperseded   another rebuild was put in place first
├── NoOldGeneration     nothing to go back to
└── OldOfAnotherVersion what was served before was built by another version of the program
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


class BrokenChain(InfrastructureError):
    """Positions are dense: an event is missing, or the log was changed."""

    code = "BROKEN_CHAIN"
    en = "partition {partition} of the log is broken: position {found} stands where {position} must follow"
    vi = "phân vùng {partition} của nhật ký bị đứt: gặp vị trí {found} ở nơi phải là {position}"
    hint_en = "nothing behind the break is shown; restore the log from a whole copy"
    hint_vi = "không hiển thị gì sau chỗ đứt; hãy khôi phục nhật ký từ bản sao đầy đủ"


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


class ViewsOfNewerProgram(InfrastructureError):
    """What is served has a higher version than this program's: an older program must not build it back by itself."""

    code = "VIEWS_OF_NEWER_PROGRAM"
    en = "the read model {projection} is served in version {theirs}, this program knows version {version}"
    vi = "bảng tra cứu {projection} đang ở phiên bản {theirs}, chương trình này chỉ biết phiên bản {version}"
    hint_en = "use the newer program; to go back on purpose, run: dossier rebuild {projection}"
    hint_vi = "hãy dùng chương trình mới hơn; nếu chủ ý quay lại, chạy: dossier rebuild {projection}"


class NotYetReflected(InfrastructureError, TimeoutError):
    """The read models did not reach a position in the time that was given."""

    code = "NOT_YET_REFLECTED"
    en = "{projection} stands at position {position} of partition {partition}; {wanted} was not reached in {seconds} s"
    vi = "{projection} mới đến vị trí {position} của phân vùng {partition}; chưa đạt {wanted} trong {seconds} giây"
    hint_en = "ask again; `dossier views show` says how far each read model is"
    hint_vi = "hãy hỏi lại; `dossier views show` cho biết từng bảng tra cứu đã đến đâu"


class DossierParked(InfrastructureError):
    """An answer about this dossier cannot be given: its first event could not be applied."""

    code = "DOSSIER_PARKED"
    en = (
        "{projection} cannot show dossier {dossier}: {event}, its fact {version} (partition {partition}, position "
        "{position}), could not be applied: {cause}"
    )
    vi = (
        "{projection} không hiển thị được hồ sơ {dossier}: không áp dụng được {event}, sự kiện số {version} "
        "(phân vùng {partition}, vị trí {position}): {cause}"
    )
    hint_en = "the log is untouched; once the program is mended, run: dossier parked retry {dossier}"
    hint_vi = "nhật ký không bị ảnh hưởng; sau khi sửa chương trình, chạy: dossier parked retry {dossier}"


class NothingParked(InfrastructureError):
    """No event of such a dossier waits."""

    code = "NOTHING_PARKED"
    en = "nothing of {dossier} is parked"
    vi = "không có sự kiện nào của {dossier} bị giữ lại"
    hint_en = "`dossier parked list` shows what is"
    hint_vi = "`dossier parked list` liệt kê những gì bị giữ lại"


class NoOldGeneration(InfrastructureError):
    """Nothing to go back to."""

    code = "NO_OLD_GENERATION"
    en = "there is no older generation of {projection} to go back to"
    vi = "không có thế hệ cũ của {projection} để quay lại"
    hint_en = "the one before the last rebuild is kept until `dossier rebuild drop`"
    hint_vi = "thế hệ trước lần lập lại gần nhất được giữ đến khi chạy `dossier rebuild drop`"


class OldOfAnotherVersion(InfrastructureError):
    """What was served before was built by another version of the program, which alone can serve it."""

    code = "OLD_OF_ANOTHER_VERSION"
    en = "the older generation of {projection} is of revision {theirs}, this program's is {revision}"
    vi = "thế hệ cũ của {projection} thuộc bản {theirs}, chương trình này là {revision}"
    hint_en = "run `dossier rebuild undo` with the program that built it"
    hint_vi = "chạy `dossier rebuild undo` bằng chương trình đã lập nó"
