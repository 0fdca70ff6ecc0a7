"""Zip archives from elsewhere: small enough to unpack, and packed by Zstandard where they are."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from pytest_vlm.errors import LogError

ZSTANDARD = 93
LOCAL_HEADER = struct.Struct("<26xHH")
LARGEST_MEMBER = 256 * 2**20
LARGEST_WHOLE = 4 * 2**30


def check_archive(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The members by name.

    Raises:
        LogError: unpacked it would be too large, or two members have one name.
    """
    members = archive.infolist()
    if sum(member.file_size for member in members) > LARGEST_WHOLE:
        raise LogError(f"{path} unpacks to more than {LARGEST_WHOLE // 2**30} GiB")
    named = {member.filename: member for member in members}
    if len(named) < len(members):
        raise LogError(f"{path} holds two files of one name; is it the log of several runs?")
    return named


def unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> bytes:
    """The content of a member; `zipfile` itself unpacks Zstandard since Python 3.14 only.

    Raises:
        LogError: it is too large, or its compression needs another library.
    """
    too_large = LogError(f"{where}: larger than {LARGEST_MEMBER // 2**20} MiB")
    if member.file_size > LARGEST_MEMBER:
        raise too_large
    if member.compress_type != ZSTANDARD:
        return archive.read(member)
    try:
        import zstandard
    except ImportError:
        raise LogError(
            f"{where} is compressed by Zstandard: pip install 'pytest-vlm[logs]', or write it as "
            "JSON: inspect log convert --to json --output-dir json FILE"
        ) from None
    stream = archive.fp
    assert stream is not None
    stream.seek(member.header_offset)
    name, extra = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
    stream.seek(name + extra, 1)
    packed = stream.read(member.compress_size)
    try:
        content = zstandard.ZstdDecompressor().stream_reader(packed).read(LARGEST_MEMBER + 1)
    except zstandard.ZstdError as error:
        raise LogError(f"{where} cannot be unpacked ({error})") from error
    if len(content) > LARGEST_MEMBER:
        raise too_large
    return content
