"""What can go wrong with the log on Kafka. Each is one of the library's persistence errors too.

InfrastructureError
└── UnsupportedKafkaPython   the library's version is not the one that its private parts are used of
LogUnusable
├── KafkaUnreachable   no broker answers, or not in time
│   └── KafkaRefused   a broker answers, and does not let this client in, or is not trusted
├── TopicUnusable      a topic breaks a rule of the log: the program refuses to write
├── LogChanged         another topic or cluster, or a log that was cut: refuse, and keep the index
├── LogBroken          an accepted record was altered or lost: orphans are open
├── NewerLog           written by a newer release
├── RecordUnreadable   an accepted record that cannot be decoded or applied
├── IndexUnusable      the index file is damaged
│   └── IndexInUse     another process uses it
└── AppendTooLarge     more than one record can hold
"""

from __future__ import annotations

from eventsourcing.persistence import DataError, OperationalError
from kafka.errors import KafkaError

from domain.errors import InfrastructureError
from infra.errors import LogUnusable


class ClientRejected(KafkaError):  # type: ignore[misc]  # kafka-python ships no types
    """The broker refuses this client or the other way round, and no other try mends that."""


class UnsupportedKafkaPython(InfrastructureError):
    """The installed kafka-python is not of the version whose private parts are used."""

    code = "KAFKA_PYTHON_UNSUPPORTED"
    en = "kafka-python {version} is installed, and this release works with 3.0.x alone"
    vi = "đang cài kafka-python {version}, trong khi phiên bản này chỉ dùng được với 3.0.x"
    hint_en = "install it: pip install 'kafka-python~=3.0.12'"
    hint_vi = "hãy cài đặt: pip install 'kafka-python~=3.0.12'"


class KafkaUnreachable(LogUnusable, OperationalError):
    """No broker answers, or not in time. Whether something was appended may be unknown: sent again, it comes once."""

    code = "KAFKA_UNREACHABLE"
    hint_en = "check that the brokers run and can be reached; send the command again with the same command id"
    hint_vi = "kiểm tra các máy chủ Kafka; gửi lại lệnh với cùng mã lệnh"


class KafkaRefused(KafkaUnreachable):
    """The user, the password, a certificate or the protocol is not the one that is wanted."""

    code = "KAFKA_REFUSED"
    hint_en = "check security_protocol, the certificates (ssl_…), and user and password (sasl_…); nothing was sent"
    hint_vi = "kiểm tra security_protocol, chứng chỉ (ssl_…), tên và mật khẩu (sasl_…); chưa gửi gì"


def unreachable(log: str, error: Exception) -> KafkaUnreachable:
    """The error that an error of kafka-python's means."""
    kind = KafkaRefused if isinstance(error, ClientRejected) else KafkaUnreachable
    # Of some errors the text is the name of the class alone.
    return kind(log=log, reason=" ".join(map(str, error.args)) or str(error) or type(error).__name__)


class TopicUnusable(LogUnusable, OperationalError):
    """A topic breaks a rule of the log."""

    code = "TOPIC_UNUSABLE"
    hint_en = "{mend}"
    hint_vi = "{mend}"


class LogChanged(LogUnusable, OperationalError):
    """Not the log that the index was made from, or not all of it."""

    code = "LOG_CHANGED"
    hint_en = "nothing was written; keep the index {index}: it may be the last copy of what is missing"
    hint_vi = "chưa ghi gì; hãy giữ lại chỉ mục {index}: có thể đó là bản sao cuối cùng của phần bị mất"


class LogBroken(LogUnusable, OperationalError):
    """Records follow on one that is not there."""

    code = "LOG_BROKEN"
    hint_en = "find out what happened to the records before; then `dossier log dismiss` goes on without them"
    hint_vi = "tìm hiểu điều gì đã xảy ra với các bản ghi trước đó; sau đó dùng `dossier log dismiss`"


class NewerLog(LogUnusable, OperationalError):
    """Written by a newer release."""

    code = "NEWER_LOG"
    hint_en = "install the newer release"
    hint_vi = "hãy cài đặt phiên bản mới hơn"


class RecordUnreadable(LogUnusable, DataError):
    """An accepted record that cannot be decoded or applied."""

    code = "RECORD_UNREADABLE"
    hint_en = "the writer that it names has a fault: stop it, and report the fault"
    hint_vi = "tiến trình ghi nói trên có lỗi: hãy dừng nó và báo lỗi"


class IndexUnusable(LogUnusable, OperationalError):
    """The index file is in use, or damaged."""

    code = "INDEX_UNUSABLE"
    hint_en = "one process uses an index file at a time; a damaged one can be moved away: it is made again from the log"
    hint_vi = "mỗi lúc chỉ một tiến trình dùng tệp chỉ mục; tệp hỏng có thể được chuyển đi: nó được lập lại từ nhật ký"


class IndexInUse(IndexUnusable):
    """Another process uses the index file."""

    code = "INDEX_IN_USE"


class AppendTooLarge(LogUnusable, DataError):
    """More than one record can hold."""

    code = "APPEND_TOO_LARGE"
    hint_en = "nothing was written; raise max.message.bytes of the topic, or append less at once"
    hint_vi = "chưa ghi gì; hãy tăng max.message.bytes của topic, hoặc ghi ít hơn mỗi lần"
