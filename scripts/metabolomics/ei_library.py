"""Search of components in a library of electron ionisation spectra.

In: an MSP file, components of a run with retention indices. Out: named compounds. Source: weighted cosine with intensity^0.53
and m/z^1.3 (Kim et al. 2012, Bioinformatics 28:1158); MSI level 2 (library spectrum and index: Sumner et al. 2007).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.sheets import decode
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
SHOWN = 3  # broken records that are named
_NO_INDEX = frozenset(("", "-1", "-1.0", "0", "0.0", "n/a", "na", "nan", "null", "none", "-"))
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
    """Spectra of an MSP file (NIST, MS-DIAL and LECO spellings), sorted by name, then index.

    InputDefect, with line and record, when a record is broken: another number of peaks than it says, a peak that is no pair
    of numbers, an index that is no number; and when there is no spectrum.
    """
    try:
        text, _ = decode(Path(path).read_bytes())
    except UnicodeError:
        raise _unusable("is not UTF-8, UTF-16 or GB18030 text") from None
    entries, problems = [], []
    for number, (first, lines) in enumerate(_records(text), start=1):
        try:
            entry = _entry(lines)
        except _BrokenRecord as broken:
            name = lines[0].partition(":")[2].strip() or "without a name"
            problems.append(f"line {first + broken.place} (record {number}, {name}): {broken}")
            continue
        if entry is not None:
            entries.append(entry)
    if problems:
        more = f", and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise _unusable(
            f"has broken records: {'; '.join(problems[:SHOWN])}{more}; mend or remove them"
        )
    if not entries:
        raise _unusable("holds no spectrum; it must be an MSP file")
    return sorted(entries, key=lambda entry: (entry.name, str(entry.index)))


def _unusable(what: str) -> core_job.InputDefect:
    return core_job.InputDefect(
        f"the EI library (config metabolomics.gcms.library) {what}",
        requirement_id="OMX-02",
        check="EI library",
    )


class _BrokenRecord(Exception):
    """Why a record cannot be used; `place` is the line inside the record, from 0."""

    def __init__(self, reason: str, place: int = 0):
        super().__init__(reason)
        self.place = place


def _records(text: str) -> list[tuple[int, list[str]]]:
    """(line of its name, lines) of each record; a blank line between two is not always there."""
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"(?i)[ \t]*name[ \t]*:", line)]
    for n in range(starts[0] if starts else len(lines)):
        if re.match(r"(?i)[ \t]*num[ \t]*peaks[ \t]*:", lines[n]):
            raise _unusable(f"has a record without a Name before line {n + 1}; mend or remove it")
    ends = [*starts[1:], len(lines)][: len(starts)]
    return [(start + 1, lines[start:end]) for start, end in zip(starts, ends, strict=True)]


def _entry(lines: list[str]) -> Entry | None:
    """The spectrum of a record, None when it says that it has no peaks. Raises _BrokenRecord."""
    fields: dict[str, str] = {}
    places: dict[str, int] = {}
    peaks: list[tuple[float, float]] = []
    for place, line in enumerate(lines):
        if "numpeaks" in fields:
            peaks += _peaks(line, place)
            continue
        key, colon, value = line.partition(":")
        if colon:
            key = re.sub(r"\s", "", key).lower()
            fields[key], places[key] = value.strip(), place
    if not fields.get("name"):
        raise _BrokenRecord("Name is empty")
    if "numpeaks" not in fields:
        raise _BrokenRecord("there is no Num Peaks")
    if not fields["numpeaks"].isdecimal():
        raise _BrokenRecord(f"Num Peaks: {fields['numpeaks']!r} is no number", places["numpeaks"])
    if int(fields["numpeaks"]) != len(peaks):
        reason = f"Num Peaks says {fields['numpeaks']}, {len(peaks)} peaks follow"
        raise _BrokenRecord(reason, places["numpeaks"])
    index = _index(fields, places)
    if not peaks:
        return None
    if not any(height > 0 for _, height in peaks):
        raise _BrokenRecord("all intensities are 0", places["numpeaks"])
    import numpy as np

    summed: dict[int, float] = {}
    for mass, height in peaks:
        unit = int(mass + 0.3)
        summed[unit] = summed.get(unit, 0.0) + height
    masses = sorted(summed)
    return Entry(fields["name"], index, np.array(masses), np.array([summed[m] for m in masses]))


def _peaks(line: str, place: int) -> list[tuple[float, float]]:
    """(m/z, intensity) pairs of one line; a note may stand in quotation marks, or in words behind a single pair."""
    words = re.sub(r'"[^"]*"', " ", line)
    words = re.sub(r"[(){}\[\];:,]", " ", words).split()
    if len(words) > 2 and words[2][0].isalpha():
        words = words[:2]
    bad = [word for word in words if not _NUMBER.fullmatch(word)]
    if bad:
        raise _BrokenRecord(f"{bad[0]!r} is no number of a peak", place)
    if len(words) % 2:
        raise _BrokenRecord(f"{line.strip()!r} is not made of pairs of m/z and intensity", place)
    values = [float(word) for word in words]
    pairs = list(zip(values[::2], values[1::2], strict=True))
    if any(not (0 < mass < 1e5 and height < float("inf")) for mass, height in pairs):
        raise _BrokenRecord(f"{line.strip()!r}: an m/z must be above 0", place)
    return pairs


def _index(fields: dict[str, str], places: dict[str, int]) -> float:
    """Retention index of a record, NaN where it has none (-1 or 0 in the files of some programs)."""
    for key in _INDEX_KEYS:
        value = fields.get(key, "").lower()
        if value in _NO_INDEX:
            continue
        # NIST writes the phases of the column in one line: SemiStdNP=1101/2/34 StdNP=1095/4/12
        phase = value.partition("semistdnp=")[2] or value
        found = re.match(rf"({_NUMBER.pattern})(?=[/;\s]|$)", phase)
        if found:
            return float(found[1])
        if "stdnp=" not in value and "stdpolar=" not in value:
            raise _BrokenRecord(f"the retention index {fields[key]!r} is no number", places[key])
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
