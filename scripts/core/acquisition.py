"""How a mass spectrometer's run was acquired, told by its scans: what may be measured, and what has to be refused.

In: the scans of an mzML file (mzml_scans.py). Out: the survey scans with their times in seconds, polarity, FAIMS voltage, the
functions that were left out; InputDefect with one plain reason. Source: docs/metabolomics.md, "Raw data"; Waters MSe: function
1 at low, function 2 at high collision energy, the last one the lock mass.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.mzml_scans import MzmlProblem, Scan, read_scans

if TYPE_CHECKING:
    import numpy as np

FEWEST_SCANS = 3  # OpenMS MassTraceDetection takes no fewer
LOCK_MASS_SHARE = 0.5  # a function with fewer scans than this share of the survey's is a lock mass
GAP_CYCLES = 10.0  # scans further apart than so many cycles: nothing was acquired between them
UNIT_OF_FACTOR = {1.0: "seconds", 60.0: "minutes", 1e-3: "milliseconds"}
_FILE_REASONS = {
    "missing": "there is no such file; copy it again",
    "empty": "the file is empty; export it again",
    "packed": "the .gz file is truncated or damaged; copy it again",
    "not_mzml": "the file is no mzML; convert the raw file (msconvert --mzML)",
    "doctype": "the file has a document type (DOCTYPE), which mzML does not know; convert it again (msconvert --mzML)",
    "truncated": "the mzML file is truncated (no closing tag); copy it again",
    "damaged": "the mzML file is damaged; copy or convert it again (msconvert --mzML)",
}


@dataclass(frozen=True)
class Survey:
    """The survey (MS1) scans of a run.

    Attributes
    ----------
    scans : the scans that are measured, in the order of the file
    seconds : {id: time in seconds} of every spectrum of the file
    left_out : functions that are no survey, as text; "" for none
    guessed_unit : the unit that the scan rate gave to times without one; "" where the file names it
    """

    scans: list[Scan]
    seconds: dict[str, float]
    left_out: str = ""
    guessed_unit: str = ""


class Judge:
    """Raises InputDefects of one run under one requirement."""

    def __init__(self, assay: str, requirement: str):
        self.assay, self.requirement = assay, requirement

    def defect(self, reason: str, check: str = "mzML readable") -> core_job.InputDefect:
        """The defect of this run, in one plain sentence."""
        return core_job.InputDefect(
            f"{self.assay}: {reason}",
            requirement_id=self.requirement,
            check=check,
            evidence=self.assay,
        )


def list_scans(path: str | Path, judge: Judge) -> list[Scan]:
    """All mass spectra of an mzML file; InputDefect when it is unreadable, cut off, or holds fewer than it announces."""
    try:
        scans, declared = read_scans(path)
    except MzmlProblem as problem:
        raise judge.defect(_FILE_REASONS[problem.code]) from None
    if not scans:
        raise judge.defect("the file holds no spectrum; was the run acquired at all?")
    if declared is not None and declared > len(scans):
        reason = f"the file announces {declared} spectra and holds {len(scans)}; convert it again"
        raise judge.defect(reason, "all spectra there")
    if len({scan.id for scan in scans}) < len(scans):
        reason = "several spectra of the file have one id; convert it again (msconvert --mzML)"
        raise judge.defect(reason)
    return [scan for scan in scans if scan.level > 0]


def survey_of(scans: list[Scan], settings: dict, judge: Judge) -> Survey:
    """The survey scans with times in seconds. A run without MS1 has none; its times are judged all the same.

    `settings`: min_run_s, max_run_s, cycle_s, unitless_run_s of the configuration.
    Raises InputDefect for several survey functions and for times that are missing or cannot be those of a run.
    """
    _refuse_broken_times(scans, judge)
    first = [scan for scan in scans if scan.level == 1]
    kept, left_out = _survey_functions(first, judge) if first else ([], "")
    factor, guessed = _factor(kept or scans, settings, judge)
    seconds = {s.id: s.number * (s.factor if s.factor == s.factor else factor) for s in scans}
    if kept:  # fragment spectra alone are identified, whatever their times
        _refuse_impossible_times([seconds[scan.id] for scan in kept], settings, judge)
    return Survey(kept, seconds, left_out, guessed)


def _refuse_broken_times(scans: list[Scan], judge: Judge) -> None:
    """InputDefect when scans carry no time, a time below 0, or an unknown unit."""
    untimed = sum(not math.isfinite(scan.number) for scan in scans)
    if untimed:
        reason = f"{untimed} of its {len(scans)} scans carry no time; convert it again (msconvert --mzML)"
        raise judge.defect(reason, "scan times")
    if any(scan.number < 0 for scan in scans):
        raise judge.defect("a scan has a time below 0; convert it again", "scan times")
    unknown = sorted({scan.unit for scan in scans if scan.unit})
    if unknown:
        reason = f"its scan times are in {unknown[0]!r}, which is no unit of time known here (second, minute, millisecond)"
        raise judge.defect(f"{reason}; convert it again", "scan times")
    without = sum(scan.factor != scan.factor for scan in scans)
    if 0 < without < len(scans):
        reason = f"{without} of its {len(scans)} scan times have no unit; convert it again (msconvert --mzML)"
        raise judge.defect(reason, "scan times")


def _cycle(times: list[float]) -> float:
    """Mean distance of scans that follow one another (scans of two voltages may come in close pairs)."""
    distinct = set(times)
    return (max(distinct) - min(distinct)) / max(1, len(distinct) - 1)


def _factor(scans: list[Scan], settings: dict, judge: Judge) -> tuple[float, str]:
    """Seconds of one unit of times without a unit, by scan rate and length of the run together; (1, "") with units.

    InputDefect unless exactly one unit gives a possible run.
    """
    if scans[0].factor == scans[0].factor:
        return 1.0, ""
    numbers = [scan.number for scan in scans]
    cycle, span = _cycle(numbers), max(numbers) - min(numbers)
    low, high = settings["cycle_s"]
    fits = [
        factor
        for factor in UNIT_OF_FACTOR
        if low <= cycle * factor <= high
        and settings["unitless_run_s"] <= span * factor <= settings["max_run_s"]
    ]
    if len(fits) != 1:
        reason = f"the times of its scans have no unit, and a scan every {cycle:.3g} over {span:.4g} does not tell which"
        raise judge.defect(
            f"{reason} (seconds, minutes, milliseconds); convert it again (msconvert --mzML writes the unit)",
            "scan times",
        )
    return fits[0], UNIT_OF_FACTOR[fits[0]]


def _refuse_impossible_times(times: list[float], settings: dict, judge: Judge) -> None:
    """InputDefect unless the scans follow one another as those of a run do."""
    if len(times) < FEWEST_SCANS:
        reason = f"the file holds {len(times)} MS1 scans; a chromatographic run needs many more"
        raise judge.defect(reason, "scan times")
    span, distinct = max(times) - min(times), len(set(times))
    if distinct < FEWEST_SCANS or span < settings["min_run_s"]:
        raise judge.defect(
            f"the times of its {len(times)} scans span {span:.3g} s (required: >= {settings['min_run_s']:g}); are they missing, "
            "or minutes without their unit? Convert it again",
            "scan times",
        )
    low, high = settings["cycle_s"]
    cycle = _cycle(times)
    if not low <= cycle <= high or span > settings["max_run_s"]:
        reason = f"its scans follow one another every {cycle:.3g} s over {span:.4g} s; a run scans every {low:g} to {high:g} s,"
        raise judge.defect(
            f"{reason} for at most {settings['max_run_s']:g} s. The unit of its times is wrong; convert it again",
            "scan times",
        )


def _survey_functions(scans: list[Scan], judge: Judge) -> tuple[list[Scan], str]:
    """MS1 scans of the survey, and what was left out: scans at a higher collision energy, lock mass.

    Functions that follow one another in time are segments of one survey. InputDefect when two functions run side by side
    and nothing says which is the survey.
    """
    groups: dict[tuple, list[Scan]] = {}
    for scan in scans:
        groups.setdefault((scan.energy or 0.0, scan.function), []).append(scan)
    if len(groups) == 1:
        return scans, ""
    most = max(len(group) for group in groups.values())
    dense = [key for key in groups if len(groups[key]) >= LOCK_MASS_SHARE * most]
    main = min(dense)
    kept, notes = set(), []
    for key in sorted(groups):
        group = groups[key]
        if key == main or not _beside(group, groups[main]):
            kept.add(key)
        elif key not in dense:
            notes.append(_named(key, "few scans beside the survey: a lock mass"))
        elif key[0] > main[0]:
            notes.append(_named(key, f"collision energy {key[0]:g} above the survey's {main[0]:g}"))
        elif group[0].energy is None and _same_window(group, groups[main]):
            notes.append(_named(key, "beside function 1 at each cycle: MSe, higher energy"))
        else:
            reason = f"functions {main[1]} and {key[1]} both scan MS1, side by side, at one collision energy"
            raise judge.defect(
                f"{reason}; write one file for each (msconvert --filter 'scanEvent ...')",
                "one survey function",
            )
    return [s for s in scans if (s.energy or 0.0, s.function) in kept], "; ".join(notes)


def _named(key: tuple, why: str) -> str:
    return f"function {key[1]} ({why})" if key[1] else f"scans without number ({why})"


def _beside(one: list[Scan], other: list[Scan]) -> bool:
    """Whether two functions run at the same time, rather than one after the other."""
    ends = [(min(s.number for s in group), max(s.number for s in group)) for group in (one, other)]
    return max(ends[0][0], ends[1][0]) < min(ends[0][1], ends[1][1])


def _same_window(one: list[Scan], other: list[Scan]) -> bool:
    """Whether two functions scan overlapping m/z ranges; True where a file does not say."""
    first, second = one[0].window, other[0].window
    return not first or not second or max(first[0], second[0]) < min(first[1], second[1])


def polarity_of(scans: list[Scan], judge: Judge, required: bool) -> str:
    """ "positive" or "negative"; "unknown" where the file does not say and `required` is False. InputDefect else."""
    found = {scan.polarity for scan in scans} - {""}
    if len(found) > 1:
        raise judge.defect(
            "the run holds positive and negative scans; write one file for each polarity (msconvert --filter 'polarity "
            "positive') and give them as two rows with sequence pos and neg",
            "one polarity",
        )
    if not found and required:
        raise judge.defect(
            "the file does not say whether its scans are positive or negative; its converter left the polarity out: convert the "
            "raw file again (msconvert --mzML writes it)",
            "one polarity",
        )
    return found.pop() if found else "unknown"


def voltages_of(scans: list[Scan]) -> list[float]:
    """FAIMS compensation voltages of scans, sorted; NaN stands for scans without one beside scans with one."""
    found = {scan.voltage for scan in scans}
    if found == {None}:
        return []
    return sorted(float("nan") if v is None else v for v in found)


def voltage_of(scans: list[Scan], judge: Judge) -> float | None:
    """The one compensation voltage of a run, None without FAIMS; InputDefect when the scans have several."""
    found = voltages_of(scans)
    if len(found) > 1:
        shown = ", ".join("none" if v != v else f"{v:g} V" for v in found)
        raise judge.defect(
            f"the run alternates between FAIMS compensation voltages ({shown}), which let different ions pass; write one file "
            "for each (msconvert --filter 'thermoScanFilter contains include cv=...') and give each its own sequence",
            "one compensation voltage",
        )
    return found[0] if found else None


def cut_at_an_end(peaks: "np.ndarray", width: float, first: float, last: float) -> float:
    """Peaks within `width` (s) of an end of a run from `first` to `last`, over the number that an even spread puts there.

    The larger of both ends: about 0 for a whole run, which begins before the first compound and ends after the last; about 1
    for a part of one.
    """
    import numpy as np

    expected = peaks.size * width / (last - first) if last > first else 0.0
    if not expected:
        return 0.0
    near = max(np.count_nonzero(peaks - first <= width), np.count_nonzero(last - peaks <= width))
    return float(near / expected)


def covered_share(times: "np.ndarray", start: float, end: float) -> float:
    """Share of the time from `start` to `end` (s) in which a run with scans at `times` acquired; 1 where nothing is expected.

    Between scans that lie further apart than GAP_CYCLES cycles nothing was acquired; a cycle at either end counts as acquired.
    """
    import numpy as np

    if not end > start:
        return 1.0
    times = np.unique(times)
    steps = np.diff(times)
    if not steps.size:
        return 0.0
    cycle = float(np.median(steps))
    first, last = times[:-1].copy(), times[1:].copy()
    first[0] -= cycle
    last[-1] += cycle
    inside = np.minimum(last, end) - np.maximum(first, start)
    acquired = steps <= GAP_CYCLES * cycle
    return float(min(1.0, np.maximum(inside, 0.0)[acquired].sum() / (end - start)))
