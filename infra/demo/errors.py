"""What can go wrong in the demonstration."""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class DemoDiffers(InfrastructureError):
    """A simulated command was answered in another way than it was made for."""

    code = "DEMO_DIFFERS"
    en = "command {line} ({command} on {dossier}, id {command_id}) was meant to be {meant} and was {answered}"
    vi = "lệnh {line} ({command}, hồ sơ {dossier}, mã {command_id}) dự kiến {meant} nhưng kết quả là {answered}"
    hint_en = "the program and its demonstration disagree: `dossier demo --commands FILE` writes the commands"
    hint_vi = "chương trình và phần mô phỏng không khớp: `dossier demo --commands FILE` ghi các lệnh ra tệp"


class NotADemoLog(InvalidInput):
    """The log that should be replaced was not made by the demonstration."""

    code = "NOT_A_DEMO_LOG"
    en = "{log} exists and was not made by the demonstration: it is left as it is"
    vi = "{log} đã tồn tại và không phải do phần mô phỏng tạo ra: tệp được giữ nguyên"
    hint_en = "name another place with --log sqlite:///PATH, or another prefix on Kafka"
    hint_vi = "chọn vị trí khác bằng --log sqlite:///PATH, hoặc prefix khác trên Kafka"


class CommandsNotWritten(InfrastructureError):
    """The file for the commands could not be written."""

    code = "COMMANDS_NOT_WRITTEN"
    en = "the commands could not be written to {path}: {reason}"
    vi = "không ghi được các lệnh vào {path}: {reason}"
