"""What can be wrong with what a person types or names, before any command is made of it (exit code 2), and around it.

InvalidInput
├── UnreadableFile    a file that cannot be opened
├── WrongFileType     a file of another type than JSON
├── JsonArray         one JSON array where JSON Lines are read
├── EmptyFile         nothing in a file
├── BadDocument       a document that is not written as DOC
├── NoSuchDocument    a document whose file does not exist
├── BadEntry          one of several parts that is not written as its help says
└── BadOption         an option, or several together, that make no sense
InfrastructureError
└── OutputUnwritable  no room for what is to be said
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class UnreadableFile(InvalidInput):
    """A file that cannot be opened or read."""

    code = "FILE_UNREADABLE"
    en = "{path} cannot be read: {reason}"
    vi = "không đọc được {path}: {reason}"
    hint_en = "name a file that exists and that you may read, or - for the standard input"
    hint_vi = "nêu tệp có thật mà bạn được quyền đọc, hoặc - để đọc từ đầu vào chuẩn"


class WrongFileType(InvalidInput):
    """A file of another type."""

    code = "WRONG_FILE_TYPE"
    en = "{path} is no JSON: it is {kind_en}"
    vi = "{path} không phải JSON: đây là {kind_vi}"
    hint_en = "save the data as JSON in UTF-8; nothing was applied"
    hint_vi = "lưu dữ liệu dạng JSON, mã UTF-8; chưa có lệnh nào được thực hiện"


class JsonArray(InvalidInput):
    """One JSON array where JSON Lines are read."""

    code = "JSON_ARRAY"
    en = "{path} begins with a JSON array; one command a line is expected (JSON Lines)"
    vi = "{path} bắt đầu bằng một mảng JSON; cần mỗi dòng một lệnh (JSON Lines)"
    hint_en = "jq -c '.[]' FILE makes lines of an array; nothing was applied"
    hint_vi = "jq -c '.[]' FILE tách mảng thành các dòng; chưa có lệnh nào được thực hiện"


class EmptyFile(InvalidInput):
    """A file with nothing in it."""

    code = "EMPTY_FILE"
    en = "{path} is empty"
    vi = "{path} rỗng"
    hint_en = "`dossier commands` shows an example of every command, `dossier template` a form to fill in"
    hint_vi = "`dossier commands` nêu ví dụ của mọi lệnh, `dossier template` in mẫu để điền"


class BadDocument(InvalidInput):
    """A document that is not written as DOC."""

    code = "BAD_DOCUMENT"
    en = "{text!r} names no document: NUMBER|DATE|ISSUER|FILE or NUMBER|DATE|ISSUER|FILE|TITLE is expected"
    vi = "{text!r} không nêu được văn bản: cần dạng SỐ|NGÀY|NƠI BAN HÀNH|TỆP hoặc SỐ|NGÀY|NƠI BAN HÀNH|TỆP|TRÍCH YẾU"
    hint_en = 'for example "25/BC-UBND|2024-06-18|UBND xã Tú Lệ|report.pdf"; leave NUMBER empty where there is none'
    hint_vi = 'ví dụ "25/BC-UBND|2024-06-18|UBND xã Tú Lệ|baocao.pdf"; để trống SỐ nếu văn bản không có số'


class NoSuchDocument(InvalidInput):
    """A document whose file does not exist."""

    code = "NO_SUCH_DOCUMENT"
    en = "{file!r} is neither a file that can be read nor a SHA-256 (64 hexadecimal digits)"
    vi = "{file!r} không phải là tệp đọc được, cũng không phải mã SHA-256 (64 chữ số thập lục phân)"
    hint_en = "name the file of the document; only its SHA-256 is recorded"
    hint_vi = "nêu tệp của văn bản; hệ thống chỉ ghi mã SHA-256 của tệp"


class BadEntry(InvalidInput):
    """One of several parts that is not written as its help says."""

    code = "BAD_ENTRY"
    en = "{option}: {text!r} is not of the form {form}"
    vi = "{option}: {text!r} không đúng dạng {form}"


class BadOption(InvalidInput):
    """An option, or several together, that make no sense."""

    code = "BAD_OPTION"
    en = "{reason_en}"
    vi = "{reason_vi}"


class OutputUnwritable(InfrastructureError):
    """Standard output is a file that cannot be written."""

    code = "OUTPUT_UNWRITABLE"
    en = "the answer could not be written: {reason}"
    vi = "không ghi được câu trả lời: {reason}"
    hint_en = "make room and ask again; a command that acted gets its first answer again under its id"
    hint_vi = "giải phóng chỗ trống rồi hỏi lại; lệnh đã thực hiện sẽ nhận lại câu trả lời đầu tiên theo mã lệnh"
