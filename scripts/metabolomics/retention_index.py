"""Linear retention indices of temperature-programmed GC from an n-alkane ladder.

In: retention times (s), times of the alkanes of the batch. Out: indices, NaN outside the ladder.
Source: van den Dool & Kratz 1963, J Chromatogr 11:463 (I = 100 * (n + (t - t_n) / (t_n+1 - t_n))).
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.sheets import decode
from scripts.metabolomics.deconvolution import Component

if TYPE_CHECKING:
    import numpy as np

UNITS = {"s": 1.0, "min": 60.0}


@dataclass(frozen=True)
class Ladder:
    """Alkanes of one batch: carbons (alkanes,) increasing, rt (alkanes,) seconds, increasing."""

    carbons: "np.ndarray"
    rt: "np.ndarray"

    def index(self, rt: "np.ndarray") -> "np.ndarray":
        """Retention index of times in seconds; NaN before the first and after the last alkane."""
        import numpy as np

        out = np.interp(rt, self.rt, 100.0 * self.carbons)
        return np.where((rt >= self.rt[0]) & (rt <= self.rt[-1]), out, np.nan)


def make_ladder(carbons, rt, assay: str) -> Ladder:
    """A checked ladder; InputDefect when it has fewer than two alkanes or its times do not increase with the carbons."""
    import numpy as np

    order = np.argsort(carbons, kind="stable")
    carbons, rt = np.asarray(carbons, float)[order], np.asarray(rt, float)[order]
    if carbons.size < 2:
        raise _defect(
            f"{assay}: the ladder holds {carbons.size} alkanes; it needs at least 2", assay
        )
    if not (np.all(np.diff(carbons) > 0) and np.all(np.diff(rt) > 0)):
        reason = (
            "the times of the alkanes must increase with their carbons; is one of them named wrong?"
        )
        raise _defect(f"{assay}: {reason}", assay)
    return Ladder(carbons, rt)


def _defect(reason: str, assay: str) -> core_job.InputDefect:
    return core_job.InputDefect(
        reason, requirement_id="OMX-02", check="retention index ladder", evidence=assay
    )


def read_ladder(path: str | Path, assay: str, unit: str) -> Ladder:
    """A ladder from a table (comma or tab): RT, and Carbon_Number or RI; `unit` of RT is s or min."""
    try:
        text, _ = decode(Path(path).read_bytes())
    except (OSError, UnicodeError):
        raise _defect(f"{assay}: the ladder table cannot be read as text", assay) from None
    first = text.splitlines()[0] if text.strip() else ""
    rows = csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in first else ",")
    header = {(name or "").strip().lower(): name for name in rows.fieldnames or []}
    number = next((header[n] for n in ("carbon_number", "carbons", "ri") if n in header), None)
    if "rt" not in header or number is None:
        reason = "a ladder table needs the columns RT and Carbon_Number (or RI)"
        raise _defect(f"{assay}: {reason}", assay)
    try:
        given = [(row[number] or "", row[header["rt"]] or "") for row in rows]
        pairs = [(float(n), float(rt)) for n, rt in given if n.strip() or rt.strip()]
    except (TypeError, ValueError):
        raise _defect(
            f"{assay}: RT and Carbon_Number must be numbers in every row", assay
        ) from None
    carbons = [c / 100 if number.strip().lower() == "ri" else c for c, _ in pairs]
    return make_ladder(carbons, [rt * UNITS[unit] for _, rt in pairs], assay)


def alkanes(components: list[Component]) -> list[Component]:
    """Components with the spectrum of an n-alkane: m/z 57 >= 71 >= 85, and CnH2n+1 ions make half of what lies above 50."""
    out = []
    for component in components:
        height = dict(zip(component.mass.tolist(), component.height.tolist(), strict=True))
        series = [height.get(mass, 0.0) for mass in (57, 71, 85)]
        above = component.mass >= 50
        share = component.height[above & (component.mass % 14 == 1)].sum()
        if 0 < series[2] <= series[1] <= series[0] and 2 * share >= component.height[above].sum():
            out.append(component)
    return out


def ladder_from_run(components: list[Component], first: int, last: int, assay: str) -> Ladder:
    """The ladder of a run with every n-alkane from C`first` to C`last`, named by their order.

    The largest of the alkane-like components are taken. InputDefect when there are fewer, or when the molecular ions
    (m/z 14 n + 2) say that the order starts with another alkane.
    """
    wanted = last - first + 1
    found = alkanes(components)
    if len(found) < wanted:
        reason = (
            f"{assay}: the ladder run shows {len(found)} alkanes, but config "
            f"metabolomics.gcms.ladder_carbons says C{first} to C{last}"
        )
        raise _defect(reason, assay)
    found = sorted(found, key=lambda c: -float(c.area.sum()))[:wanted]
    found.sort(key=lambda component: component.rt)
    support = {
        shift: sum(
            14 * (first + shift + place) + 2 in component.mass
            for place, component in enumerate(found)
        )
        for shift in (0, -1, 1)
    }
    shift = max(support, key=support.get)
    if support[shift] > support[0]:
        reason = (
            f"{assay}: the molecular ions say that the ladder starts with C{first + shift}, not with "
            f"C{first}; mend config metabolomics.gcms.ladder_carbons"
        )
        raise _defect(reason, assay)
    return make_ladder(range(first, last + 1), [component.rt for component in found], assay)
