"""Reading a DDA run: peaks of MS1 and MS2, precursors, resolution of the MS2 analyser.

In: mzML (.gz too). Out: a centroided pyopenms experiment, or InputDefect with one plain reason.
Source: mzML 1.1 (PSI); filter lines FTMS and ITMS of Thermo instruments.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.acquisition import Judge, Survey, list_scans, polarity_of, survey_of
from scripts.core.spectrum_kind import is_profile

if TYPE_CHECKING:
    import pyopenms

REQUIREMENT = "OMX-03"


@dataclass(frozen=True)
class DdaRun:
    """Spectra of a DDA run: `experiment` of centroids, sorted by time (s); the survey; {id: FAIMS voltage} (NaN without)."""

    experiment: "pyopenms.MSExperiment"
    survey: Survey
    voltages: dict[str, float]

    def window(self) -> dict[str, float]:
        """Start, end and time without scans (s) of the survey, of all spectra in a run without MS1."""
        import numpy as np

        from scripts.core.acquisition import covered_share

        ids = [scan.id for scan in self.survey.scans] or list(self.survey.seconds)
        times = np.sort([self.survey.seconds[name] for name in ids])
        start, end = float(times[0]), float(times[-1])
        return {
            "start": start,
            "end": end,
            "lost": (end - start) * (1 - covered_share(times, start, end)),
        }


def read_run(path: str | Path, evidence: str, settings: dict) -> DdaRun:
    """A DDA run of centroids, the survey without lock mass, its times by their unit.

    `settings`: min_run_s, max_run_s, cycle_s, unitless_run_s of config proteomics.dda.
    Raises InputDefect: unreadable or incomplete, no MS2 spectrum, MS2 without precursors (MSe, DIA), negative or mixed polarity,
    several survey functions, times that cannot be those of a run. Profile spectra, by their peaks, are picked.
    """
    import pyopenms as oms

    judge = Judge(evidence, REQUIREMENT)
    scans = list_scans(path, judge)
    fragments = [scan for scan in scans if scan.level == 2]
    if not fragments:
        reason = f"no MS2 spectra ({len(scans)} spectra); a DDA search needs fragment spectra"
        raise judge.defect(reason, "MS2 spectra present")
    if 2 * sum(scan.precursor for scan in fragments) < len(fragments):
        reason = "most MS2 spectra name no precursor ion: an MSe or DIA run is no DDA run"
        raise judge.defect(reason, "MS2 spectra present")
    if polarity_of(scans, judge, required=False) == "negative":
        raise judge.defect("negative polarity; peptides are searched in positive runs", "polarity")
    survey = survey_of(scans, settings, judge)
    loaded = oms.MSExperiment()
    try:
        oms.MzMLFile().load(str(path), loaded)
    except RuntimeError:
        reason = "the mzML file is damaged; copy or convert it again (msconvert --mzML)"
        raise judge.defect(reason) from None
    if not any(s.getMSLevel() == 2 and s.size() for s in loaded):
        reason = f"no MS2 spectra ({len(scans)} spectra); a DDA search needs fragment spectra"
        raise judge.defect(reason, "MS2 spectra present")
    wanted = {scan.id for scan in survey.scans} | {scan.id for scan in scans if scan.level > 1}
    experiment = oms.MSExperiment()
    for spectrum in _centroided([s for s in loaded if s.getNativeID() in wanted]):
        spectrum.setRT(survey.seconds[spectrum.getNativeID()])
        experiment.addSpectrum(spectrum)
    experiment.sortSpectra(True)
    voltages = {s.id: float("nan") if s.voltage is None else s.voltage for s in scans}
    return DdaRun(experiment, survey, voltages)


def _centroided(spectra: list) -> list:
    """Spectra with profile data picked; those of one level and one label are judged together, by their peaks."""
    import pyopenms as oms

    groups: dict[tuple, list[int]] = {}
    for place, spectrum in enumerate(spectra):
        groups.setdefault((spectrum.getMSLevel(), spectrum.getType().name), []).append(place)
    picker = oms.PeakPickerHiRes()
    for (_, label), places in groups.items():
        told = is_profile(spectra[place].get_peaks() for place in places)
        if told or (told is None and label == "PROFILE"):
            for place in places:
                picked = oms.MSSpectrum()
                picker.pick(spectra[place], picked)
                spectra[place] = picked
    return spectra


def ms2_resolution(experiment, gap_high_resolution: float) -> str:
    """ "high" or "low": by the filter lines where the file has them, else by the closest neighbouring peaks.

    Ion-trap centroids stand at least about 0.5 m/z apart (three LTQ runs: 0.600 at the least of 255,000 gaps); when 1 in 1000
    gaps is under `gap_high_resolution` (m/z) the analyser must be a high-resolution one. The analyser that the file
    declares is that of the MS1.
    """
    import numpy as np

    ms2 = [s for s in experiment if s.getMSLevel() == 2 and s.size() > 1]
    lines = [
        str(s.getMetaValue("filter string")) for s in ms2[:50] if s.metaValueExists("filter string")
    ]
    if any(line.startswith("FTMS") or line.startswith("ASTMS") for line in lines):
        return "high"
    if any(line.startswith("ITMS") for line in lines):
        return "low"
    if not ms2:
        return "high"
    step = max(1, len(ms2) // 500)
    gaps = np.concatenate([np.diff(np.sort(s.get_peaks()[0])) for s in ms2[::step]])
    return "high" if np.quantile(gaps, 0.001) < gap_high_resolution else "low"
