"""The file that whylogs keeps a profile in, read and written without whylogs: homes move between Pythons.

A file is the letters WHY1, an empty header of segments, a header that says where each column's part begins, and the
parts: protobuf messages by whylogs' field numbers. A column's components have paths, such as `distribution/kll`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAGIC = b"WHY1"
COLUMN_PART = 2
VARINT, FIXED64, BYTES = 0, 1, 2  # protobuf's wire types that occur
PADDED, PREAMBLE = 6, 5  # words in front of a sketch: whylogs' build of it puts an empty one after the fifth

Component = int | float | bytes
Value = int | float | bytes


@dataclass(frozen=True)
class ProfileRecord:
    """A profile as it is stored: milliseconds since 1970, tags, and column -> path -> component."""

    time: int
    tags: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, Component]] = field(default_factory=dict)


def write_record(record: ProfileRecord) -> bytes:
    """The bytes of a record."""
    paths = sorted({path for components in record.columns.values() for path in components})
    places = {path: place for place, path in enumerate(paths)}
    parts, offsets, end = [], b"", 0
    for name, components in record.columns.items():
        offsets += _field(2, _field(1, name.encode()) + _field(2, _field(1, _varint(end))))
        parts.append(_part({places[path]: value for path, value in components.items()}))
        end += len(parts[-1])
    tags = b"".join(
        _field(7, _field(1, tag.encode()) + _field(2, value.encode())) for tag, value in record.tags.items()
    )
    properties = _field(4, record.time) + _field(5, record.time) + tags
    named = b"".join(_field(5, _field(1, place) + _field(2, path.encode())) for place, path in enumerate(paths))
    header = _field(1, properties) + offsets + _field(4, end) + named
    return MAGIC + _varint(0) + _varint(len(header)) + header + b"".join(parts)


def read_record(content: bytes) -> ProfileRecord:
    """What `write_record`, or whylogs, wrote.

    Raises:
        ValueError: not a whole record.
    """
    if content[:4] != MAGIC:
        raise ValueError("it does not begin as a profile does")
    _, at = _delimited(content, 4)
    header, start = _delimited(content, at)
    fields = list(_fields(header))
    if start + sum(_whole(value) for number, value in fields if number == 4) != len(content):
        raise ValueError("it ends before its last column")
    properties = next(_bytes(value) for number, value in fields if number == 1)
    tags = dict(_pair(value) for number, value in _fields(properties) if number in (6, 7))
    paths = {_whole(entry.get(1, 0)): _bytes(entry[2]).decode() for entry in _entries(fields, 5)}
    columns = {}
    for entry in _entries(fields, 2):
        offset = _first_offset(_bytes(entry[2]))
        columns[_bytes(entry[1]).decode()] = dict(_components(content, start + offset, paths))
    return ProfileRecord(next(_whole(value) for number, value in _fields(properties) if number == 5), tags, columns)


def _part(components: Mapping[int, Component]) -> bytes:
    body = b"".join(_field(1, _field(1, place) + _field(2, _component(value))) for place, value in components.items())
    head = _field(1, COLUMN_PART) + _field(3, len(body))
    return _varint(len(head)) + head + body


def _component(value: Component) -> bytes:
    match value:
        case int():
            return _field(2, value)
        case float():
            return _field(3, value)
    padded = bytes([PADDED]) + value[1:20] + bytes(4) + value[20:] if value[0] == PREAMBLE else value
    return _field(6, _field(1, padded))


def _components(content: bytes, at: int, paths: Mapping[int, str]) -> Iterator[tuple[str, Component]]:
    head, at = _delimited(content, at)
    length = next(_whole(value) for number, value in _fields(head) if number == 3)
    for entry in _entries(list(_fields(content[at : at + length])), 1):
        for number, value in _fields(_bytes(entry[2])):
            if number in (2, 3):
                yield paths[_whole(entry.get(1, 0))], value
            elif number == 6:
                yield paths[_whole(entry.get(1, 0))], _sketch(_bytes(value))


def _sketch(message: bytes) -> bytes:
    stored = next((_bytes(value) for number, value in _fields(message) if number == 1), b"")
    return bytes([PREAMBLE]) + stored[1:20] + stored[24:] if stored[:1] == bytes([PADDED]) else stored


def _field(number: int, value: Value) -> bytes:
    match value:
        case int():
            return _varint(number << 3 | VARINT) + _varint(value)
        case float():
            return _varint(number << 3 | FIXED64) + struct.pack("<d", value)
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def _fields(message: bytes) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        match key & 7:
            case 0:
                value, at = _read_varint(message, at)
                yield key >> 3, value
            case 1:
                yield key >> 3, struct.unpack_from("<d", message, at)[0]
                at += 8
            case 2:
                part, at = _delimited(message, at)
                yield key >> 3, part
            case strange:
                raise ValueError(f"a field is of wire type {strange}")


def _entries(fields: list[tuple[int, Value]], of_number: int) -> Iterator[dict[int, Value]]:
    """The entries of a map, by field: 1 the key, 2 the value."""
    return (dict(_fields(_bytes(value))) for number, value in fields if number == of_number)


def _pair(entry: Value) -> tuple[str, str]:
    fields = dict(_fields(_bytes(entry)))
    return _bytes(fields.get(1, b"")).decode(), _bytes(fields.get(2, b"")).decode()


def _first_offset(message: bytes) -> int:
    """The first of a packed list of offsets; a lone 0 may be left out."""
    packed = next((_bytes(value) for number, value in _fields(message) if number == 1), b"\0")
    return _read_varint(packed, 0)[0]


def _delimited(content: bytes, at: int) -> tuple[bytes, int]:
    length, at = _read_varint(content, at)
    if at + length > len(content):
        raise ValueError("it ends too early")
    return content[at : at + length], at + length


def _varint(number: int) -> bytes:
    low = bytearray()
    while number > 0x7F:
        low.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*low, number])


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(content):
        byte = content[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise ValueError("it ends too early")


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field holds a number where bytes belong")
    return value


def _whole(value: Value) -> int:
    if not isinstance(value, int):
        raise ValueError("a field holds no whole number")
    return value
