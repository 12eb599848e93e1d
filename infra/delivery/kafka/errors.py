"""What can go wrong with the stream on Kafka.

InfrastructureError
├── StreamUnusable     no broker answers, or a topic is not what it must be
└── RegistryUnusable   the schema registry does not answer, or refuses the schema
InvalidInput
└── TopicTaken         a topic that a replay may not write to
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class StreamUnusable(InfrastructureError):
    """The stream cannot be read or written."""

    code = "STREAM_UNUSABLE"
    en = "the stream {topic} cannot be used: {reason}"
    vi = "không sử dụng được luồng {topic}: {reason}"
    hint_en = "nothing is lost: the next start goes on behind what is there"
    hint_vi = "không mất gì: lần khởi động sau tiếp tục ngay sau phần đã có"


class RegistryUnusable(InfrastructureError):
    """The schema registry."""

    code = "REGISTRY_UNUSABLE"
    en = "the schema registry {registry} cannot be used: {reason}"
    vi = "không sử dụng được kho lược đồ {registry}: {reason}"
    hint_en = "check DOSSIER_DECISIONS_REGISTRY; without it schemas are in the topic of schemas"
    hint_vi = "kiểm tra DOSSIER_DECISIONS_REGISTRY; nếu không đặt, lược đồ nằm trong chủ đề lược đồ"


class TopicTaken(InvalidInput):
    """A topic of ours, into which nobody else may write."""

    code = "TOPIC_TAKEN"
    en = "a replay does not go into {topic}: that topic is read by others"
    vi = "không phát lại vào {topic}: chủ đề này có người khác đọc"
    hint_en = "name a topic of your own"
    hint_vi = "nêu một chủ đề riêng"
