"""Builds random bodies: events and snapshots with every special case of Go's decoder, and damaged ones.

In the texts below, a surrogate such as \\udcff stands for the raw byte 0xff.
"""

# ruff: noqa: SIM905 (lists of words read best as words)

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

KEYS = {
    "event": "id eventType actorId commandId version data metadata timestamp".split(),
    "snapshot": "actorId version state timestamp".split(),
}
ODD_KEYS = r"VERSION verſion \u0076ersion Timestamp timeſtamp DATA ſtate \u017ftate ACTORID Id METADATA".split()
ODD_KEYS += ["", "İd", "actor_id", "event-type", "unknown", "k", "\u212a", "\\ud800", "id\udcff", "metadata\\u0000"]

STRINGS = [
    "",
    "a",
    "order-42",
    "é",
    "😀",
    "\x7f",
    "<&>",
    "\u2028",
    "\ufffd",
    "\udcff",
    "\udce2\udc82",
    "\udced\udca0\udc80",
]
STRINGS += [
    r"\u00e9",
    r"\ud83d\ude00",
    r"\ud800",
    r"\udc00\ud800",
    r"\u2029",
    r"\u0000",
    r"\"\\\/\b\f\n\r\t",
    "7" * 320,
]
BROKEN_STRINGS = ["\n", "\x00", "\\x", "\\u12", "\\u12G4", "\\U0041", "\\", '"']

NUMBERS = """
    0 -0 -0.0 1 17 -5 1.0 0.1 1e2 1E+2 0e99999 1e-999 1e20 1e21 1e-6 1e-7 5e-324 2e-324 1.7976931348623157e308
    9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
    123456789012345678901234567890
""".split()
HUGE_NUMBERS = ["1e999", "-1e999", "1.7976931348623159e308", "1e309", "9" * 400]
BROKEN_NUMBERS = "01 1. .5 +1 - 1e NaN Infinity 0x10 1_0".split()

TIMES = r"""
    2024-05-06T07:08:09Z 2024-05-06T07:08:09.123456789Z 2024-05-06T07:08:09.1234567891+02:00 2024-05-06T07:08:09\u005a
    2024-05-06T7:08:09,5Z 2024-05-06T07:08:09+24:60 0001-01-01T00:00:00Z 0000-01-01T00:00:00Z 9999-12-31T23:59:59Z
    2024-02-29T23:59:59-23:59 2000-02-29T00:00:00Z 0000-02-29T00:00:00+12:34
""".split()
WRONG_TIMES = """
    2023-02-29T00:00:00Z 1900-02-29T00:00:00Z 2024-04-31T00:00:00Z 2024-05-06T07:08:09+25:00 2024-05-06T07:08:60Z
    2024-05-06t07:08:09Z 2024-05-06T07:08:09z 2024-05-06T07:08:09 2024-5-06T07:08:09Z 2024-05-06T24:00:00Z
    2024-05-06T07:08:09+0000 2024-05-06T07:08:09.Z 12024-05-06T07:08:09Z
""".split()

SPACES = ["\n", "\t\r\n ", " "]
NO_SPACES = ["\x0b", "\xa0", "\ufeff", "\x00"]


def invent(random: Random) -> tuple[str, bytes]:
    """Return a kind, and a valid or damaged body of that kind."""
    kind = random.choice(list(KEYS))
    body = _document(random, kind).encode("utf-8", "surrogateescape")
    return kind, damage(random, body) if random.random() < 0.25 else body


def invent_nest(random: Random) -> tuple[str, bytes]:
    """Return a kind, and a body that is mostly brackets, half of the time with a wrong one."""
    nest = _nest(random, 30)
    if random.random() < 0.5:
        at = random.randrange(len(nest))
        nest = nest[:at] + random.choice(["", *'[]{},:" 0']) + nest[at + random.randrange(2) :]
    body = random.choice(['{"data":{"a":%s}}', '{"x":%s,"id":""}', "%s"]) % nest
    return random.choice(list(KEYS)), body.encode()


def damage(random: Random, body: bytes) -> bytes:
    """Return `body` with one to three parts changed, removed, inserted, repeated or cut off."""
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(body) + 1)
        to = min(len(body), at + random.choice([1, 1, 1, 2, 5, 20]))
        before, part, after = body[:at], body[at:to], body[to:]
        match random.randrange(6):
            case 0:
                body = before + random.randbytes(len(part)) + after
            case 1:
                body = before + bytes(byte ^ (1 << random.randrange(8)) for byte in part) + after
            case 2:
                body = before + after
            case 3:
                body = before + bytes([random.choice(b'\\"{}[],:0e-\xff')]) + part + after
            case 4:
                body = before + part + part + after
            case _:
                body = before
    return body


def _document(random: Random, kind: str) -> str:
    if random.random() < 0.02:
        return _value(random, 2)
    keys = [key for key in KEYS[kind] if random.random() < 0.8]
    keys += random.choices(KEYS[kind] + ODD_KEYS, k=random.choice([0, 0, 1, 2, 4]))
    if random.random() < 0.5:
        random.shuffle(keys)
    return _object(random, [(key, _member(random, key)) for key in keys])


def _member(random: Random, key: str) -> str:
    if random.random() < 0.02:
        return _value(random, 2)
    if random.random() < 0.05:
        return "null"
    match key.lower().replace("ſ", "s"):
        case "version" if random.random() < 0.9:
            return str(random.randint(-3, 10 ** random.randint(0, 18)))
        case "version":
            return random.choice(NUMBERS)
        case "timestamp":
            return f'"{_time(random)}"'
        case "data" | "state":
            return _object(random, [(_text(random), _value(random, 3)) for _ in range(random.randrange(4))])
        case "metadata":
            return _object(random, [(_text(random), f'"{_text(random)}"') for _ in range(random.randrange(4))])
        case _:
            return f'"{_text(random)}"'


def _value(random: Random, depth: int) -> str:
    match random.randrange(7 if depth else 5):
        case 0 | 1:
            return f'"{_text(random)}"'
        case 2:
            return random.choice(_rarely(random, ["True", "nul", "undefined"], ["true", "false", "null"]))
        case 3:
            return random.choice(_rarely(random, BROKEN_NUMBERS + HUGE_NUMBERS, NUMBERS))
        case 4:
            return _number(random)
        case 5:
            return _object(random, [(_text(random), _value(random, depth - 1)) for _ in range(random.randrange(4))])
        case _:
            return _joined(random, "[", [_value(random, depth - 1) for _ in range(random.randrange(4))], "]")


def _nest(random: Random, depth: int) -> str:
    inside = [_nest(random, depth - 1) for _ in range(random.choice([0, 1, 1, 1, 1, 2]) if depth else 0)]
    inside += ["0"] * random.choice([0, 0, 1])
    random.shuffle(inside)
    if random.random() < 0.3:
        return _object(random, [("", item) for item in inside])
    return _joined(random, "[", inside, "]")


def _object(random: Random, members: list[tuple[str, str]]) -> str:
    return _joined(random, "{", [f'"{key}"{_space(random)}:{_space(random)}{value}' for key, value in members], "}")


def _joined(random: Random, opening: str, items: list[str], closing: str) -> str:
    return f"{opening}{_space(random)}{','.join(f'{_space(random)}{item}{_space(random)}' for item in items)}{closing}"


def _space(random: Random) -> str:
    return random.choice(_rarely(random, NO_SPACES, SPACES)) if random.random() < 0.1 else ""


def _text(random: Random) -> str:
    return "".join(random.choices(_rarely(random, BROKEN_STRINGS, STRINGS), k=random.randrange(3)))


def _number(random: Random) -> str:
    """Short, or so long that it shows where Go stops reading; sometimes beyond float64."""
    if random.random() < 0.7:
        return repr(random.uniform(-1, 1) * 10.0 ** random.randint(-320, 308))
    number = random.choice(["", "-"]) + (_digits(random).lstrip("0") or "0")
    if random.random() < 0.7:
        number += f".{_digits(random)}"
    if random.random() < 0.7:
        exponent = random.choice([0, 7, 290, 308, 320, 800, 1200, 9999, 10_000, 100_001])
        number += f"e{random.choice(['', '+', '-', '-'])}{exponent}"
    return number


def _digits(random: Random) -> str:
    return "".join(
        random.choices(random.choice(["0123456789", "09", "0"]), k=random.choice([1, 5, 20, 300, 805, 1200]))
    )


def _time(random: Random) -> str:
    if random.random() < 0.2:
        return random.choice(TIMES)
    if random.random() < 0.03:
        return random.choice(WRONG_TIMES)
    day = f"{random.randint(0, 9999):04d}-{random.randint(1, 12):02d}-{random.randint(1, 29):02d}"
    clock = f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}"
    fraction = f"{random.choice('.,')}{random.randrange(10 ** random.randint(1, 12))}" if random.random() < 0.5 else ""
    zone = (
        f"{random.choice('+-')}{random.randint(0, 24):02d}:{random.randint(0, 60):02d}"
        if random.random() < 0.5
        else "Z"
    )
    return f"{day}T{clock}{fraction}{zone}"


def _rarely(random: Random, rare: list[str], usual: list[str]) -> list[str]:
    return rare if random.random() < 0.005 else usual
