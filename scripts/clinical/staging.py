"""HCC stage from the findings of the work-up: BCLC 2022, CNLC, Milan. Annotation only: a stage
never predicts a diagnosis.

In: performance status, Child-Pugh class, number and size of lesions, invasion, spread. Out: stage
names, "" when not known or without any lesion (controls).
Source: BCLC 2022 (J Hepatol 76:681), CNLC 2019/2022 guideline of the PRC, Mazzaferro 1996 (N Engl J
Med 334:693).
"""


def _unknown(*values) -> bool:
    return any(value is None or value != value for value in values)


def _no_tumour(number, invasion, spread) -> bool:
    return number < 1 and not invasion and not spread


def cnlc(ps, child_pugh: str, number, size_cm, invasion, spread) -> str:
    """China liver cancer staging: Ia, Ib, IIa, IIb, IIIa, IIIb, IV."""
    if _unknown(ps, child_pugh, number, size_cm, invasion, spread):
        return ""
    if _no_tumour(number, invasion, spread):
        return ""
    if ps >= 3 or child_pugh == "C":
        return "IV"
    if spread:
        return "IIIb"
    if invasion:
        return "IIIa"
    if number >= 4:
        return "IIb"
    if number <= 1:
        return "Ia" if size_cm <= 5 else "Ib"
    return "Ib" if size_cm <= 3 else "IIa"


def bclc(ps, child_pugh: str, number, size_cm, invasion, spread) -> str:
    """Barcelona stage 0, A, B, C, D."""
    if _unknown(ps, child_pugh, number, size_cm, invasion, spread):
        return ""
    if _no_tumour(number, invasion, spread):
        return ""
    if ps > 2 or child_pugh == "C":
        return "D"
    if invasion or spread or ps in (1, 2):
        return "C"
    if number <= 1 and size_cm <= 2:
        return "0"
    return "A" if number <= 1 or (number <= 3 and size_cm <= 3) else "B"


def within_milan(number, size_cm, invasion, spread) -> bool | None:
    """Milan criteria: one lesion up to 5 cm or up to three of at most 3 cm, no invasion, no spread;
    None when not known or without any lesion."""
    if _unknown(number, size_cm, invasion, spread) or _no_tumour(number, invasion, spread):
        return None
    small = size_cm <= 5 if number <= 1 else number <= 3 and size_cm <= 3
    return bool(small and not invasion and not spread)
