"""Search of components in a library of electron ionisation spectra.

In: an MSP file, components of a run with retention indices. Out: named compounds. Source: weighted cosine with intensity^0.53
and m/z^1.3 (Kim et al. 2012, Bioinformatics 28:1158); MSI level 2 (library spectrum and index: Sumner et al. 2007).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.metabolomics.deconvolution import Component

if TYPE_CHECKING:
    import numpy as np

INTENSITY_POWER, MASS_POWER = 0.53, 1.3
COMMON_START = 60  # scans of derivatised samples start at m/z 40 to 60
SILYL_IONS = (
    73,
    75,
    147,
)  # fragments of the trimethylsilyl group itself: every derivative has them
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INDEX_KEYS = ("retentionindex", "retention_index", "ri", "kovats", "semistdnp")


@dataclass(frozen=True)
class Entry:
    """One spectrum: name, retention index (NaN when the library has none), mass (ions,) unit masses, intensity (ions,)."""

    name: str
    index: float
    mass: "np.ndarray"
    intensity: "np.ndarray"

    @property
    def quantifier(self) -> int:
        """The ion whose area is reported: largest intensity x mass, silyl fragments left out while others exist."""
        import numpy as np

        weight = self.intensity * self.mass
        own = ~np.isin(self.mass, SILYL_IONS)
        weight = np.where(own, weight, 0.0) if own.any() else weight
        return int(self.mass[np.argmax(weight)])


def read_msp(path: str | Path) -> list[Entry]:
    """Spectra of an MSP file (NIST, MS-DIAL and LECO spellings), sorted by name, then index. InputDefect when there are none."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    entries = []
    for record in re.split(
        r"(?im)^(?=[ \t]*name[ \t]*:)", text
    ):  # a blank line between is not always there
        entry = _entry(record)
        if entry is not None:
            entries.append(entry)
    if not entries:
        reason = "the EI library (config metabolomics.gcms.library) holds no spectrum; it must be an MSP file"
        raise core_job.InputDefect(reason, requirement_id="OMX-02", check="EI library")
    return sorted(entries, key=lambda entry: (entry.name, str(entry.index)))


def _entry(record: str) -> Entry | None:
    fields, peaks = {}, {}
    headed = re.search(r"(?im)^[ \t]*num[ \t]*peaks[ \t]*:", record) is not None
    for line in record.splitlines():
        key, colon, value = line.partition(":")
        if headed and "numpeaks" not in fields:
            if colon:
                fields[key.strip().lower().replace(" ", "")] = value.strip()
            continue
        if not headed and colon and not re.match(r"\s*[0-9.]+[\s]", line):
            fields[key.strip().lower().replace(" ", "")] = value.strip()
            continue
        bare = re.sub(r'"[^"]*"', "", line)
        numbers = _NUMBER.findall(bare)
        for mass, height in zip(numbers[::2], numbers[1::2], strict=False):
            unit = int(float(mass) + 0.3)
            peaks[unit] = peaks.get(unit, 0.0) + float(height)
    if not peaks or not fields.get("name"):
        return None
    import numpy as np

    mass = np.array(sorted(peaks))
    return Entry(fields["name"], _index(fields), mass, np.array([peaks[m] for m in sorted(peaks)]))


def _index(fields: dict) -> float:
    for key in _INDEX_KEYS:
        value = fields.get(key, "").lower()
        # NIST writes the phases of the column in one line: SemiStdNP=1101/2/34 StdNP=1095/4/12
        found = _NUMBER.match(value.partition("semistdnp=")[2] or value)
        if found:
            return float(found[0])
    return float("nan")


def cosine(mass, intensity, other_mass, other_intensity) -> float:
    """Weighted cosine of two unit mass spectra, 0 to 1. Masses below the start of either (at most 60) do not count."""
    import numpy as np

    # A library starts at m/z 30 or 50, a run elsewhere: what one cannot show must not count against the other.
    low = min(max(mass[0], other_mass[0]), COMMON_START)
    first, second = mass >= low, other_mass >= low
    mass, intensity = mass[first], intensity[first]
    other_mass, other_intensity = other_mass[second], other_intensity[second]
    a = intensity**INTENSITY_POWER * mass**MASS_POWER
    b = other_intensity**INTENSITY_POWER * other_mass**MASS_POWER
    _, i, j = np.intersect1d(mass, other_mass, return_indices=True)
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a[i] * b[j]).sum()) / norm if norm > 0 else 0.0


@dataclass(frozen=True)
class Hit:
    """A named component: library entry, component, its retention index, cosine, area of the quantifier ion."""

    entry: Entry
    component: Component
    index: float
    score: float
    area: float


def identify(
    components: list[Component], indices, library: list[Entry], settings: dict
) -> list[Hit]:
    """Named components: cosine >= min_cosine and |index difference| <= max_index_difference, best first, each used once.

    Entries without retention index are not used. Sorted by name.
    """
    import numpy as np

    usable = [entry for entry in library if np.isfinite(entry.index)]
    pairs = []
    for i, (component, index) in enumerate(zip(components, indices, strict=True)):
        if not np.isfinite(index):
            continue
        for j, entry in enumerate(usable):
            if abs(entry.index - index) > settings["max_index_difference"]:
                continue
            score = cosine(component.mass, component.height, entry.mass, entry.intensity)
            area = component.area_of(entry.quantifier)
            if score >= settings["min_cosine"] and area > 0:
                pairs.append((-score, abs(entry.index - index), i, j, area, float(index)))
    hits: dict[str, Hit] = {}
    used: set[int] = set()
    for negative, _, i, j, area, index in sorted(pairs):
        name = usable[j].name
        if i not in used and name not in hits:
            hits[name] = Hit(usable[j], components[i], index, -negative, area)
            used.add(i)
    return [hits[name] for name in sorted(hits)]
