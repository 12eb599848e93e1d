"""Private keys and the files that hold them."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from infra.log.errors import KeyMissing, KeysUnsafe, KeyUnusable
from infra.log.keys import _SMALL_ORDER, KeyFolder, Signer, is_signed, is_weak, key_id


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


def test_signs_and_verifies() -> None:
    """Another message, another key or another signature is none."""
    one, two = Signer.generate(), Signer.generate()
    signature = one.sign(b"message")
    assert is_signed(one.public, signature, b"message")
    assert not is_signed(one.public, signature, b"another")
    assert not is_signed(two.public, signature, b"message")
    assert not is_signed(one.public, two.sign(b"message"), b"message")
    assert one.key_id == key_id(one.public)
    assert len(one.key_id) == 8


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64), st.binary(max_size=40))
def test_any_bytes_may_be_asked_about(public: bytes, signature: bytes, message: bytes) -> None:
    """A key that is no point of the curve, or a signature out of range, has signed nothing."""
    assert is_weak(public) or not is_signed(public, signature, message)


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int]


def _sum(one: _Point, two: _Point) -> _Point:
    """Of two points of the curve, by the formulas of RFC 8032, 5.1.4."""
    (x1, y1), (x2, y2) = one, two
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, _P) % _P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, _P) % _P


def _x_of(y: int) -> int:
    """One of the two, by RFC 8032, 5.1.3."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    return x if x * x % _P == square else x * pow(2, (_P - 1) // 4, _P) % _P


def test_a_weak_key_is_one_that_anybody_can_sign_with() -> None:
    """A point that is nothing once it was doubled three times; its sign and a y beyond the prime change nothing."""
    found = set()
    for encoding in _SMALL_ORDER:
        y = int.from_bytes(encoding, "little") % _P
        eighth = point = (_x_of(y), y)
        for _ in range(3):
            eighth = _sum(eighth, eighth)
        assert eighth == (0, 1)
        assert is_weak(encoding)
        assert is_weak(encoding[:-1] + bytes([encoding[-1] | 0x80]))
        found |= {point, (-point[0] % _P, y)}
    assert len(found) == 8
    assert is_signed(bytes(32), bytes(64), bytes(3))
    assert not is_weak(Signer.generate().public)


def test_the_private_half_is_never_shown() -> None:
    """Not in a message, and not in a traceback."""
    own = Signer.generate()
    secret = own.pem().decode().splitlines()[1]
    assert secret not in repr(own)
    assert repr(own) == f"Signer({own.key_id.hex()})"


def test_keys_are_made_where_nobody_else_can_read_them(folder: KeyFolder) -> None:
    """The folder has the mode 0700, every file in it 0600; a second call finds the same key."""
    writer, root = folder.make_writer(), folder.add_root()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.path.iterdir()} == {0o600}
    assert folder.make_writer().public == folder.writer().public == writer.public
    second = folder.add_root()
    assert [found.public for found in folder.roots()] == [root.public, second.public]


def test_several_processes_make_one_key(folder: KeyFolder) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = {signer.public for signer in pool.map(lambda _: folder.make_writer(), range(8))}
    assert len(made) == 1


def test_what_is_not_there_is_told(folder: KeyFolder) -> None:
    """A writer's key that is missing is an error; root keys may be elsewhere."""
    with pytest.raises(KeyMissing, match=r"writer\.pem"):
        folder.writer()
    assert folder.roots() == []
    assert not folder.has_writer()


def _readable_by_the_group(folder: KeyFolder) -> None:
    (folder.path / "writer.pem").chmod(0o640)


def _readable_by_all(folder: KeyFolder) -> None:
    (folder.path / "writer.pem").chmod(0o604)


def _in_an_open_folder(folder: KeyFolder) -> None:
    folder.path.chmod(0o750)


def _behind_a_link(folder: KeyFolder) -> None:
    file = folder.path / "writer.pem"
    elsewhere = folder.path / "elsewhere.pem"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


@pytest.mark.parametrize("spoil", [_readable_by_the_group, _readable_by_all, _in_an_open_folder, _behind_a_link])
def test_a_key_that_others_can_read_is_refused(folder: KeyFolder, spoil: Callable[[KeyFolder], None]) -> None:
    """It may have been copied: better no signature than one that says nothing."""
    folder.make_writer()
    spoil(folder)
    with pytest.raises(KeysUnsafe):
        folder.writer()


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_without_a_key_is_told(folder: KeyFolder, content: bytes) -> None:
    """Without what stands in it."""
    folder.make_writer()
    (folder.path / "writer.pem").write_bytes(content)
    with pytest.raises(KeyUnusable) as told:
        folder.writer()
    assert "AAAA" not in str(told.value)


def test_a_key_of_another_kind_is_told(folder: KeyFolder) -> None:
    folder.make_writer()
    other = generate_private_key(65537, 2048)
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder.path / "writer.pem").write_bytes(pem)
    with pytest.raises(KeyUnusable):
        folder.writer()


def test_a_copy_has_what_was_missing(folder: KeyFolder, tmp_path: Path) -> None:
    """What is there already stays as it is, and the copy is as closed as the original."""
    folder.add_root()
    writer = folder.make_writer()
    backup = KeyFolder(tmp_path / "backup")
    assert folder.copy_to(backup) == ["root-1.pem", "writer.pem"]
    assert backup.writer().public == writer.public
    assert folder.copy_to(backup) == []
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o700


def test_a_folder_remembers_whose_keys_it_has(folder: KeyFolder) -> None:
    """What is no identity is told, as what others may have written."""
    assert folder.identity() is None
    assert not folder.is_own()
    folder.make_writer()
    assert folder.is_own()
    folder.note_identity(bytes(range(32)))
    assert folder.identity() == bytes(range(32))
    (folder.path / "identity").write_text("none", encoding="utf-8")
    with pytest.raises(KeysUnsafe):
        folder.identity()
