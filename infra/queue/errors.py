"""What can go wrong on the way to the log and back.

InfrastructureError
├── NoAnswer         nobody answered a command in time
├── ReadingBehind    what another process reads into an index does not reach the end of the log
└── NotOnKafka       asked of a log that has no queue
InvalidInput
└── NoSuchLetter     a dead letter that is not there
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class NoAnswer(InfrastructureError):
    """Nobody answered in time. Whether the command was handled is not known; given again with its id it acts once."""

    code = "NO_ANSWER"
    en = "{count} commands were sent to {topic} and not answered within {seconds:.0f} s"
    vi = "{count} lệnh đã gửi đến {topic} nhưng không được trả lời trong {seconds:.0f} giây"
    hint_en = (
        "look whether a worker runs (`dossier doctor`), and give the same commands again with the same command ids"
    )
    hint_vi = "kiểm tra tiến trình xử lý (`dossier doctor`), rồi gửi lại các lệnh đó với cùng mã lệnh"


class ReadingBehind(InfrastructureError):
    """Another process holds the index, and does not come on with it."""

    code = "READING_BEHIND"
    en = "partition {partition} of {log}: the index has been read to offset {reached}, and the log ends at {end}"
    vi = "phân vùng {partition} của {log}: chỉ mục mới đọc đến offset {reached}, nhật ký kết thúc ở {end}"
    hint_en = "process {holder} holds the index {index}; look whether it still works"
    hint_vi = "tiến trình {holder} đang giữ chỉ mục {index}; hãy kiểm tra tiến trình này"


class NotOnKafka(InfrastructureError):
    """Asked of a log that has no queue."""

    code = "NOT_ON_KAFKA"
    en = "{log} is no log on Kafka: it has no queue, no worker and no dead letters"
    vi = "{log} không phải nhật ký trên Kafka nên không có hàng đợi, tiến trình xử lý hay thư chết"
    hint_en = "name one with --log kafka://HOST:PORT or DOSSIER_LOG"
    hint_vi = "chỉ định bằng --log kafka://HOST:PORT hoặc DOSSIER_LOG"


class NoSuchLetter(InvalidInput):
    """A dead letter that is not there, or not there any more."""

    code = "NO_SUCH_LETTER"
    en = "there is no dead letter {letter}"
    vi = "không có thư chết {letter}"
    hint_en = "`dossier dead-letters list` names them: PARTITION/OFFSET"
    hint_vi = "`dossier dead-letters list` liệt kê: PHÂN VÙNG/OFFSET"
