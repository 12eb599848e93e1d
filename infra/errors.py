"""What can go wrong outside: the infrastructure's branch of the one tree of errors."""

from __future__ import annotations

import re
from typing import Any

from domain.errors import InfrastructureError, InvalidInput

_USER = re.compile(r"(?<=://)[^/?#]*@")
_PASSWORD = re.compile(r"(password=)[^&\s]*", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A URL or a connection string as it may be shown: users and passwords left out."""
    return _PASSWORD.sub(r"\1…", _USER.sub("…@", text))


class LogUnusable(InfrastructureError):
    """The log could not be opened, read or written."""

    code = "LOG_UNUSABLE"
    en = "the log {log} could not be used: {reason}"
    vi = "không sử dụng được nhật ký {log}: {reason}"
    hint_en = "check the path, its permissions and the free space; nothing that was acknowledged is lost"
    hint_vi = "kiểm tra đường dẫn, quyền truy cập và dung lượng trống; dữ liệu đã xác nhận không bị mất"


class BadSetting(InvalidInput):
    """A setting that cannot be used; secrets in its value are not shown."""

    code = "BAD_SETTING"
    en = "{setting}={value!r} cannot be used: {reason_en}"
    vi = "thiết lập {setting}={value!r} không hợp lệ: {reason_vi}"

    def __init__(self, *, value: str, **details: Any) -> None:
        super().__init__(value=without_secrets(value), **details)


class LogMissing(LogUnusable):
    """A question about a log that does not exist."""

    code = "LOG_MISSING"
    en = "there is no log at {log}"
    vi = "không có nhật ký tại {log}"
    hint_en = "name it with --log or DOSSIER_LOG; `dossier demo` makes one to explore"
    hint_vi = "chỉ định bằng --log hoặc DOSSIER_LOG; `dossier demo` tạo một nhật ký để tham khảo"
