"""What can be wrong with a command before it reaches the domain. Nothing was decided, and its id stays free.

InvalidInput
└── MalformedCommand
    ├── EmptyCommand, CommandTooLarge, NotUtf8, ByteOrderMark, NulCharacter     the bytes
    ├── NotJson, DuplicateKey, TooDeep                                          the JSON
    ├── NotANumber, NotAnInteger, NumberTooLarge                                its numbers
    ├── NotNfc, BadText                                                         its texts
    └── UnknownCommand, InvalidDate, InvalidCommand                             the command
"""

from __future__ import annotations

from domain.errors import InvalidInput


class MalformedCommand(InvalidInput):
    """Base. `command_id` is the command's id where it could be read, so that the answer can carry it."""

    code = "MALFORMED_COMMAND"
    command_id: str | None = None


class EmptyCommand(MalformedCommand):
    """A line with nothing on it."""

    code = "EMPTY_COMMAND"
    en = "the line is empty"
    vi = "dòng trống"
    hint_en = "give one JSON object on each line"
    hint_vi = "mỗi dòng là một đối tượng JSON"


class CommandTooLarge(MalformedCommand):
    """More bytes than a command may have."""

    code = "COMMAND_TOO_LARGE"
    en = "the command has {size} bytes, above {largest}"
    vi = "lệnh có {size} byte, lớn hơn {largest}"
    hint_en = "documents are named by their SHA-256; their bytes do not belong into a command"
    hint_vi = "văn bản được nêu bằng mã SHA-256; không đưa nội dung tệp vào lệnh"


class NotUtf8(MalformedCommand):
    """Bytes that are no UTF-8, as a file of another type or encoding has."""

    code = "NOT_UTF8"
    en = "byte {position} is not UTF-8"
    vi = "byte thứ {position} không phải UTF-8"
    hint_en = "save the file as UTF-8 (JSON Lines), not UTF-16, TCVN3 or a spreadsheet"
    hint_vi = "lưu tệp dạng UTF-8 (JSON Lines), không dùng UTF-16, TCVN3 hay bảng tính"


class ByteOrderMark(MalformedCommand):
    """A byte order mark before the JSON."""

    code = "BYTE_ORDER_MARK"
    en = "the line begins with a byte order mark (U+FEFF)"
    vi = "dòng bắt đầu bằng dấu thứ tự byte (U+FEFF)"
    hint_en = "save the file as UTF-8 without BOM"
    hint_vi = "lưu tệp dạng UTF-8 không có BOM"


class NulCharacter(MalformedCommand):
    """A NUL, as binary files and UTF-16 have."""

    code = "NUL_CHARACTER"
    en = "character {position} is NUL (U+0000)"
    vi = "ký tự thứ {position} là NUL (U+0000)"
    hint_en = "this is no text: give a file of JSON Lines in UTF-8"
    hint_vi = "đây không phải văn bản: hãy dùng tệp JSON Lines dạng UTF-8"


class NotJson(MalformedCommand):
    """Text that is no JSON."""

    code = "NOT_JSON"
    en = "not JSON at character {position}: {reason}"
    vi = "không phải JSON tại ký tự thứ {position}: {reason}"
    hint_en = "one command is one JSON object on one line"
    hint_vi = "mỗi lệnh là một đối tượng JSON trên một dòng"


class DuplicateKey(MalformedCommand):
    """The same key twice in one object: which of the two is meant?"""

    code = "DUPLICATE_KEY"
    en = "the key {key} is there twice in one object"
    vi = "khóa {key} xuất hiện hai lần trong một đối tượng"
    hint_en = "keep one of the two"
    hint_vi = "chỉ giữ lại một"


class TooDeep(MalformedCommand):
    """Nested deeper than any command is."""

    code = "TOO_DEEP"
    en = "nested deeper than {deepest} levels"
    vi = "lồng sâu hơn {deepest} cấp"


class NotANumber(MalformedCommand):
    """NaN or an infinity, which JSON does not have."""

    code = "NOT_A_NUMBER"
    en = "{number} is not a number in JSON"
    vi = "{number} không phải là số trong JSON"


class NotAnInteger(MalformedCommand):
    """A fraction, an exponent or a negative zero; a command has whole numbers only."""

    code = "NOT_AN_INTEGER"
    en = "{number} is not a whole number"
    vi = "{number} không phải là số nguyên"
    hint_en = 'give whole numbers; a percentage is a text such as "81.82"'
    hint_vi = 'nhập số nguyên; tỷ lệ phần trăm là văn bản, ví dụ "81.82"'


class NumberTooLarge(MalformedCommand):
    """A whole number beyond 2**53, which not every JSON reader keeps exactly."""

    code = "NUMBER_TOO_LARGE"
    en = "{number} is beyond {largest} (2^53)"
    vi = "{number} vượt quá {largest} (2^53)"


class NotNfc(MalformedCommand):
    """A text or key that is not in Unicode Normalization Form C: two spellings of one word would differ."""

    code = "NOT_NFC"
    en = "{path} is not in Unicode NFC: {text}"
    vi = "{path} không ở dạng Unicode dựng sẵn (NFC): {text}"
    hint_en = "convert the file to NFC (precomposed Vietnamese letters)"
    hint_vi = "chuyển tệp sang Unicode dựng sẵn (NFC)"


class BadText(MalformedCommand):
    """A control character, half a surrogate pair or a code point that is no character."""

    code = "BAD_TEXT"
    en = "{path} has {character}, which is no character of a text"
    vi = "{path} có {character}, không phải ký tự văn bản"
    hint_en = "remove it; a text is one line without tabs"
    hint_vi = "xóa ký tự này; văn bản là một dòng, không có ký tự tab"


class UnknownCommand(MalformedCommand):
    """A command of a name that there is not."""

    code = "UNKNOWN_COMMAND"
    en = "there is no command {name}"
    vi = "không có lệnh {name}"
    hint_en = "close to it: {close}; `dossier commands` prints all"
    hint_vi = "gần giống: {close}; `dossier commands` in ra tất cả"


class InvalidDate(MalformedCommand):
    """A day that the calendar does not have, or one in another form than YYYY-MM-DD."""

    code = "INVALID_DATE"
    en = "{path}: {day} is no day of the calendar (YYYY-MM-DD)"
    vi = "{path}: {day} không phải là ngày có trong lịch (YYYY-MM-DD)"


class InvalidCommand(MalformedCommand):
    """Not of the form that the command's JSON Schema gives. `problems` holds path, en and vi of up to ten places."""

    code = "INVALID_COMMAND"
    en = "{problems_en}"
    vi = "{problems_vi}"
    hint_en = "`dossier commands` prints the form of every command, with an example"
    hint_vi = "`dossier commands` in ra cấu trúc của mọi lệnh, kèm ví dụ"
