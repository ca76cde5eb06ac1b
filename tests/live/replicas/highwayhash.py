"""HighwayHash-64, the checksum of a message in a block file of nats-server.

The rules are those of the reference implementation of HighwayHash. `tests/live/replicas/test_block_file.py` compares the result with
the checksums that a nats-server wrote.
"""

from __future__ import annotations

import struct

MASK = 2**64 - 1
HALF = 2**32 - 1
PACKET = 32
"""Bytes that one update takes."""
INITIAL_0 = (0xDBE6D5D5FE4CCE2F, 0xA4093822299F31D0, 0x13198A2E03707344, 0x243F6A8885A308D3)
INITIAL_1 = (0x3BD39E10CB0EF593, 0xC0ACF169B5F18A8C, 0xBE5466CF34E90C6C, 0x452821E638D01377)


def _swapped(lane: int) -> int:
    """Return the lane with its halves of 32 bits exchanged."""
    return (lane >> 32) | ((lane & HALF) << 32)


def _rotated(half: int, bits: int) -> int:
    """Return 32 bits, rotated to the left."""
    return ((half << bits) | (half >> (32 - bits))) & HALF


def _zipped(high: int, low: int) -> tuple[int, int]:
    """Return what a zipper merge adds to the odd and to the even lane."""
    a, b = high.to_bytes(8, "little"), low.to_bytes(8, "little")
    even = bytes((b[3], a[4], b[2], b[5], a[6], b[1], a[7], b[0]))
    odd = bytes((a[3], b[4], a[2], a[5], a[1], b[6], a[0], b[7]))
    return int.from_bytes(odd, "little"), int.from_bytes(even, "little")


class _State:
    def __init__(self, key: bytes) -> None:
        lanes = struct.unpack("<4Q", key)
        self.mul0, self.mul1 = list(INITIAL_0), list(INITIAL_1)
        self.v0 = [start ^ lane for start, lane in zip(INITIAL_0, lanes, strict=True)]
        self.v1 = [start ^ _swapped(lane) for start, lane in zip(INITIAL_1, lanes, strict=True)]

    def update(self, lanes: tuple[int, ...]) -> None:
        v0, v1, mul0, mul1 = self.v0, self.v1, self.mul0, self.mul1
        for i in range(4):
            v1[i] = (v1[i] + mul0[i] + lanes[i]) & MASK
            mul0[i] ^= (v1[i] & HALF) * (v0[i] >> 32)
            v0[i] = (v0[i] + mul1[i]) & MASK
            mul1[i] ^= (v0[i] & HALF) * (v1[i] >> 32)
        for source, target in ((v1, v0), (v0, v1)):
            for i in (0, 2):
                odd, even = _zipped(source[i + 1], source[i])
                target[i + 1] = (target[i + 1] + odd) & MASK
                target[i] = (target[i] + even) & MASK

    def update_remainder(self, rest: bytes) -> None:
        size = len(rest)
        whole = size & ~3
        packet = bytearray(PACKET)
        packet[:whole] = rest[:whole]
        if size & 16:
            packet[28:32] = rest[size - 4 : size]
        elif odd := rest[whole:]:
            packet[16:19] = bytes((odd[0], odd[len(odd) >> 1], odd[-1]))
        self.v0 = [(lane + (size << 32) + size) & MASK for lane in self.v0]
        self.v1 = [_rotated(lane & HALF, size) | _rotated(lane >> 32, size) << 32 for lane in self.v1]
        self.update(struct.unpack("<4Q", packet))


def highwayhash64(key: bytes, data: bytes) -> bytes:
    """Return the 8 bytes of the hash, the lowest first. The key has 32 bytes."""
    state = _State(key)
    for at in range(0, len(data) - PACKET + 1, PACKET):
        state.update(struct.unpack_from("<4Q", data, at))
    if rest := data[len(data) // PACKET * PACKET :]:
        state.update_remainder(rest)
    for _ in range(4):
        v0 = state.v0
        state.update((_swapped(v0[2]), _swapped(v0[3]), _swapped(v0[0]), _swapped(v0[1])))
    total = state.v0[0] + state.v1[0] + state.mul0[0] + state.mul1[0]
    return (total & MASK).to_bytes(8, "little")
