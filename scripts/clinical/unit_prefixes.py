"""Units that differ from those of the unit table by an SI prefix, a power of ten, the volume, or a logarithm in front.

In: a folded unit (terminology.fold_unit). Out: its quantity and decimal exponent, or that there is none.
Source: SI brochure, 9th edition, table 7 (prefixes); litre and its parts as UCUM has them.
"""

import re

_PREFIXES = {"": 0, "k": 3, "d": -1, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
_VOLUMES = {"l": 0, "dl": 1, "ml": 3, "ul": 6, "nl": 9, "pl": 12}  # exponent of one per volume
_QUANTITIES = ("iu", "arbu", "au", "u", "kat", "mol", "g", "copies", "copy", "cps", "拷贝")
_PARTS = re.compile(
    r"(?:[x×*]?10(?:\^|e|\*\*?)(?P<power>\d{1,2})|(?P<word>1000|10000|千|万|亿))?"
    rf"(?:(?P<prefix>[kdmunpf]?)(?P<quantity>{'|'.join(_QUANTITIES)}))?/(?P<volume>[dmunp]?l)"
)
_WORDS = {"1000": 3, "10000": 4, "千": 3, "万": 4, "亿": 8}
_LOGARITHM = re.compile(r"(?:log_?10|lg|log)(?P<rest>.+)")
# M before a unit may be mega or a milli in capitals: a factor of 10^9 between them.
_MEGA_OR_MILLI = re.compile(r"M\s*(?:I\.?U|A?U|arb|kat|KAT|[Cc]op)")


def quantity_and_exponent(folded: str) -> tuple[str, int] | None:
    """(quantity, n) of a unit that is 10^n of the quantity per litre; None where it is built otherwise.

    kiu/ml is ("iu", 6), mg/dl is ("g", -2), 10^3/ul is ("", 9).
    """
    match = _PARTS.fullmatch(folded)
    if not match:
        return None
    power = int(match["power"] or _WORDS.get(match["word"], 0))
    quantity = match["quantity"] or ""
    if quantity in ("copy", "cps", "拷贝"):
        quantity = "copies"
    if not quantity and match["volume"] in ("ml", "dl"):
        return None  # counts per mL are not printed in haematology: 1000/mL is a slip for 1000/uL
    return quantity, power + _PREFIXES[match["prefix"] or ""] + _VOLUMES[match["volume"]]


def under_the_logarithm(folded: str) -> str:
    """The unit whose decimal logarithm a unit says (log10iu/ml: iu/ml), "" where it says none."""
    match = _LOGARITHM.fullmatch(folded)
    return match["rest"] if match else ""


def mega_or_milli(text: str) -> bool:
    """Whether the prefix of a unit as typed may be mega or milli (MIU/mL)."""
    return bool(_MEGA_OR_MILLI.match(text.strip()))
