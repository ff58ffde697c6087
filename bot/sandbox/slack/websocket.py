"""WebSocket frames, as much of them as a server of small text messages needs.

Source: RFC 6455, sections 4.2.2 and 5.2.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import BinaryIO

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA
LONGEST_FRAME = 1_000_000


def accept_key(key: bytes) -> str:
    """Returns the `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key + MAGIC, usedforsecurity=False).digest()).decode()


def frame(opcode: int, payload: bytes) -> bytes:
    """Returns one unmasked server frame."""
    head = bytes([0x80 | opcode])
    if len(payload) < 126:  # noqa: PLR2004  # RFC 6455, section 5.2: longer ones say so with 126 or 127
        return head + bytes([len(payload)]) + payload
    if len(payload) < 1 << 16:
        return head + struct.pack("!BH", 126, len(payload)) + payload
    return head + struct.pack("!BQ", 127, len(payload)) + payload


def read_frame(stream: BinaryIO) -> tuple[bool, int, bytes]:
    """Reads one masked client frame.

    Returns:
        Whether it is the last of its message, its opcode, its payload.

    Raises:
        ConnectionError: the client went away or does not keep to the protocol.
    """
    first, second = _exactly(stream, 2)
    length = second & 0x7F
    if length == 126:  # noqa: PLR2004  # as above
        (length,) = struct.unpack("!H", _exactly(stream, 2))
    elif length == 127:  # noqa: PLR2004  # as above
        (length,) = struct.unpack("!Q", _exactly(stream, 8))
    if not second & 0x80 or first & 0x70 or length > LONGEST_FRAME:
        raise ConnectionError("a client frame must be masked, plain and not too long")
    mask = _exactly(stream, 4)
    data = _exactly(stream, length)
    key = (mask * (length // 4 + 1))[:length]
    return bool(first & 0x80), first & 0x0F, bytes(a ^ b for a, b in zip(data, key, strict=True))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """Reads so many bytes, or says that the client is gone."""
    data = stream.read(count)
    if len(data) < count:
        raise ConnectionError("the client went away")
    return data
