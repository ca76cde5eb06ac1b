"""Parses and formats float64 as Go's strconv does.

Go and Python agree on every number of up to 800 characters. Of a longer one, Go 1.27 keeps 800 significant digits, counts
at most 800 integer digits, and stops reading an exponent at 10,000.
"""

from __future__ import annotations

import math
import re

_AGREED_LENGTH = 800
_KEPT_DIGITS = 800
_LEADING_DIGITS = 19
"""The digits that fit into 64 bits. Go uses more only if these do not determine the result."""

_number = re.compile(rb"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")


def parse_float(token: bytes) -> float:
    """Return the value of a well-formed JSON number; infinity if Go reports that it is out of range."""
    if len(token) <= _AGREED_LENGTH:
        return float(token)
    found = _number.fullmatch(token)
    assert found
    sign, whole, fraction, exponent_sign, exponent = (group or b"" for group in found.groups())
    return math.copysign(_parse_long(whole, fraction, exponent_sign, exponent), -1 if sign else 1)


def _parse_long(whole: bytes, fraction: bytes, exponent_sign: bytes, exponent: bytes) -> float:
    digits = (whole + fraction).lstrip(b"0")
    if not digits:
        return 0.0
    point = len(digits) - len(fraction)  # the value is 0.<digits> times ten to the power of this, before the exponent
    shift = int(exponent.lstrip(b"0")[:5] or b"0") * (-1 if exponent_sign == b"-" else 1)

    first = int(digits[:_LEADING_DIGITS])
    power = point + shift - len(digits[:_LEADING_DIGITS])
    if power > 310:
        return math.inf
    if power < -345:
        return 0.0
    value = float(f"{first}e{power}")
    if not digits[_LEADING_DIGITS:].strip(b"0") or value == float(f"{first + 1}e{power}"):
        return value

    kept = digits[:_KEPT_DIGITS].decode()
    beyond = "1" if digits[_KEPT_DIGITS:].strip(b"0") else ""
    point = min(point, _KEPT_DIGITS) + shift
    return math.inf if point > 310 else float(f"0.{kept}{beyond}e{point}")


def format_float(value: float) -> str:
    """Format a finite `value` as encoding/json does: shortest digits, an exponent below 1e-6 and from 1e21 on."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, _, exponent = float.__repr__(value).partition("e")
    sign = "-" if value < 0 else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0)  # the value is 0.<digits> times ten to the power of this
    digits = digits.rstrip("0")
    if not -6 < point <= 21:
        end = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{end}e{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}"
