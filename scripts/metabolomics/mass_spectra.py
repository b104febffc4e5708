"""Reading the MS1 scans of an mzML file, LC-MS or GC-MS.

In: an mzML or mzML.gz file. Out: scan times and centroids as flat arrays; an InputDefect with one plain reason when the
file cannot be used. Source: mzML 1.1 (HUPO-PSI); reading and peak picking by OpenMS (Pfeuffer et al. 2024).
"""

import contextlib
import ctypes
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.acquisition import (
    Judge,
    list_scans,
    polarity_of,
    survey_of,
    voltage_of,
)
from scripts.core.spectrum_kind import is_profile

if TYPE_CHECKING:
    import numpy as np

REQUIREMENT = "OMX-02"  # generation of metabolomics data by LC-MS or GC-MS


@dataclass(frozen=True)
class Centroids:
    """The MS1 centroids of one run, sorted by scan, then m/z.

    Attributes
    ----------
    rt : (scans,) float64, seconds, increasing
    scan : (points,) int32, index into `rt`
    mz : (points,) float64
    intensity : (points,) float32, all above 0
    polarity : "positive", "negative" or "unknown"
    picked_here : whether the file held profile data that were centroided on reading
    voltage : FAIMS compensation voltage (V), None without FAIMS
    left_out, guessed_unit : functions that are no survey; unit of the times where the file names none (see core.acquisition)
    """

    rt: "np.ndarray"
    scan: "np.ndarray"
    mz: "np.ndarray"
    intensity: "np.ndarray"
    polarity: str = "unknown"
    picked_here: bool = False
    voltage: float | None = None
    left_out: str = ""
    guessed_unit: str = ""

    def total_ion_current(self) -> "np.ndarray":
        """(scans,) sum of the intensities of each scan."""
        import numpy as np

        return np.bincount(
            self.scan, weights=self.intensity.astype("float64"), minlength=self.rt.size
        )


@contextlib.contextmanager
def openms_output(log, secret: str = "", shown: str = ""):
    """Send what OpenMS prints from C++ (stdout, stderr) to the log, the raw path replaced by the assay's name."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 1)
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            ctypes.CDLL(None).fflush(None)  # what C++ still holds back
            for number, handle in zip((1, 2), saved, strict=True):
                os.dup2(handle, number)
                os.close(handle)
            captured.seek(0)
            text = captured.read().decode("utf-8", errors="replace")
            if secret:
                text = text.replace(secret, shown)
            for line in text.splitlines():
                if line.strip() and log is not None:
                    log.info("OpenMS: %s", line.strip())


def read_ms1(
    path: str | Path, assay: str, settings: dict, log=None, polarity_required: bool = True
) -> Centroids:
    """Centroids of the survey scans of an mzML file.

    `settings`: config metabolomics.lcms or gcms; its `profile` says what to do with profile data: "centroid"
    (OpenMS PeakPickerHiRes) or "refuse". Whether data are profile is asked of the peaks, whatever their label.
    Raises InputDefect when the file is unreadable or incomplete, holds no MS1 scans, two polarities (or none that is named,
    unless not required), several compensation voltages or survey functions, or when its times cannot be those of a run.
    """
    import pyopenms

    judge = Judge(assay, REQUIREMENT)
    scans = list_scans(path, judge)
    if not any(scan.level == 1 for scan in scans):
        raise judge.defect("the file holds no MS1 scans; was only MS2 exported?")
    survey = survey_of(scans, settings, judge)
    polarity = polarity_of(survey.scans, judge, polarity_required)
    voltage = voltage_of(survey.scans, judge)
    experiment = pyopenms.MSExperiment()
    reader = pyopenms.MzMLFile()
    options = reader.getOptions()
    options.setMSLevels([1])
    reader.setOptions(options)
    try:
        with openms_output(log, str(path), assay):
            reader.load(str(path), experiment)
    except RuntimeError:
        reason = "the mzML file is damaged; copy or convert it again (msconvert --mzML)"
        raise judge.defect(reason) from None
    wanted = {scan.id for scan in survey.scans}
    spectra = [spectrum for spectrum in experiment if spectrum.getNativeID() in wanted]
    peaks, picked = _centroided(spectra, judge, settings["profile"], log)
    times = [survey.seconds[spectrum.getNativeID()] for spectrum in spectra]
    return Centroids(
        **_flat(times, peaks, judge),
        polarity=polarity,
        picked_here=picked,
        voltage=voltage,
        left_out=survey.left_out,
        guessed_unit=survey.guessed_unit,
    )


def _centroided(spectra: list, judge: Judge, profile: str, log) -> tuple[list, bool]:
    """Peaks (m/z, intensity) of each spectrum, profile data picked, and whether that was needed.

    Spectra of one label are judged together by their peaks; the label counts only where too few peaks can tell.
    """
    import pyopenms

    peaks = [spectrum.get_peaks() for spectrum in spectra]
    labels = [spectrum.getType().name for spectrum in spectra]
    sampled = []
    for label in sorted(set(labels)):
        own = [place for place, other in enumerate(labels) if other == label]
        told = is_profile(peaks[place] for place in own)
        if told or (told is None and label == "PROFILE"):
            sampled += own
    if sampled and profile == "refuse":
        reason = "profile data; convert with centroiding (msconvert --filter 'peakPicking vendor')"
        raise judge.defect(reason, "centroided")
    picker = pyopenms.PeakPickerHiRes()
    with openms_output(log):
        for place in sampled:
            spectrum = pyopenms.MSSpectrum()
            picker.pick(spectra[place], spectrum)
            peaks[place] = spectrum.get_peaks()
    return peaks, bool(sampled)


def _flat(times: list[float], peaks: list, judge: Judge) -> dict:
    """The peaks of all scans as the flat arrays of `Centroids`, sorted by time, then m/z."""
    import numpy as np

    order = np.argsort(times, kind="stable")
    rt, peaks = np.array(times)[order], [peaks[place] for place in order]
    scan = np.repeat(np.arange(len(peaks), dtype="int32"), [mz.size for mz, _ in peaks])
    mz = np.concatenate([mz for mz, _ in peaks]).astype("float64")
    intensity = np.concatenate([values for _, values in peaks]).astype("float32")
    good = np.isfinite(mz) & np.isfinite(intensity) & (intensity > 0)
    if not good.any():
        reason = "no scan holds a peak; was the run acquired at all?"
        raise judge.defect(reason, "signal in run")
    scan, mz, intensity = scan[good], mz[good], intensity[good]
    order = np.lexsort((mz, scan))
    return {"rt": rt, "scan": scan[order], "mz": mz[order], "intensity": intensity[order]}


def check_reading(step, run: Centroids, assay: str) -> None:
    """Record how a run was read: scans, kind of spectra, functions left out, a unit of time that the scan rate gave."""
    step.check(
        REQUIREMENT, "mzML readable", "PASS", value=run.rt.size, unit="scans", evidence=assay
    )
    kind = "profile, centroided here by PeakPickerHiRes" if run.picked_here else "centroided"
    step.check(REQUIREMENT, "kind of spectra", "PASS", value=kind, evidence=assay)
    if run.left_out:
        step.check(
            REQUIREMENT,
            "functions left out of the survey",
            "PASS",
            value=run.left_out,
            evidence=assay,
        )
    if run.guessed_unit:
        step.check(
            REQUIREMENT,
            "unit of the scan times",
            "WARN",
            value=run.guessed_unit,
            evidence=assay,
            reason=f"{assay}: the scan times have no unit; scan rate and length fit {run.guessed_unit} only",
        )
