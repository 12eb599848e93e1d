"""What can go wrong with a command on its way through a queue.

DossierError
├── InvalidInput
│   ├── WrongPartition        the command stands in another partition than its unit's
│   └── NotHandled            the program failed on this one command
└── InfrastructureError
    ├── OtherQueue            the queue is not the one whose commands the log has handled
    └── LogIncomplete         the log gives fewer events than it says that it has
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class WrongPartition(InvalidInput):
    """A command in another partition than its unit's."""

    code = "WRONG_PARTITION"
    en = "the command stands in partition {partition}; its unit has partition {right}"
    vi = "lệnh nằm ở phân vùng {partition}; đơn vị thuộc phân vùng {right}"
    hint_en = "send it again with `dossier`, or with `dossier dead-letters retry`: both find the right partition"
    hint_vi = "gửi lại bằng `dossier`, hoặc `dossier dead-letters retry`: cả hai đều tìm đúng phân vùng"


class NotHandled(InvalidInput):
    """A fault of the program on one command: nothing was decided, and its id stays free."""

    code = "NOT_HANDLED"
    en = "the program failed on this command: {reason}"
    vi = "chương trình gặp lỗi khi xử lý lệnh này: {reason}"
    hint_en = "report the fault; once it is mended, `dossier dead-letters retry` gives the command again"
    hint_vi = "hãy báo lỗi; sau khi sửa, `dossier dead-letters retry` gửi lại lệnh"


class LogIncomplete(InfrastructureError):
    """The log gives fewer events than it says that it has."""

    code = "LOG_INCOMPLETE"
    en = "partition {partition}: the log goes to position {head}, and gives no events after {reached}"
    vi = "phân vùng {partition}: nhật ký đến vị trí {head} nhưng không có sự kiện nào sau {reached}"
    hint_en = "nothing was written; whoever wrote the log last has a fault: `dossier doctor` shows where it stands"
    hint_vi = "chưa ghi gì; tiến trình ghi gần nhất có lỗi: `dossier doctor` cho biết vị trí"


class OtherQueue(InfrastructureError):
    """The topic of commands was made anew: offsets say nothing about what has been handled."""

    code = "OTHER_QUEUE"
    en = "partition {partition}: the log has handled commands of topic {handled}, and the queue is topic {queue}"
    vi = "phân vùng {partition}: nhật ký đã xử lý lệnh của topic {handled}, còn hàng đợi là topic {queue}"
    hint_en = "if the old queue is gone for good, start the worker once with --take-up-queue {queue}"
    hint_vi = "nếu hàng đợi cũ đã mất hẳn, hãy chạy worker một lần với --take-up-queue {queue}"
