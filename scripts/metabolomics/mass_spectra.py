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

from scripts.core import job as core_job

if TYPE_CHECKING:
    import numpy as np
    import pyopenms

MIN_SCANS = 3  # OpenMS MassTraceDetection takes no fewer
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
    """

    rt: "np.ndarray"
    scan: "np.ndarray"
    mz: "np.ndarray"
    intensity: "np.ndarray"
    polarity: str = "unknown"
    picked_here: bool = False

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
    path: str | Path, assay: str, profile: str = "centroid", log=None, min_run_s: float = 0.0
) -> Centroids:
    """MS1 centroids of an mzML file.

    `profile` says what to do with profile data: "centroid" (OpenMS PeakPickerHiRes) or "refuse"; `min_run_s` how long the
    run must last.
    Raises InputDefect when the file is empty, truncated, no mzML, holds no MS1 scans or both polarities, or when its scan
    times are missing or span less than `min_run_s` (minutes written without their unit).
    """
    import pyopenms

    path = Path(path)
    if not path.is_file() or path.stat().st_size == 0:
        raise _defect("the file is missing or empty; export it again", assay)
    experiment = pyopenms.MSExperiment()
    reader = pyopenms.MzMLFile()
    options = reader.getOptions()
    options.setMSLevels([1])
    reader.setOptions(options)
    try:
        with openms_output(log, str(path), assay):
            reader.load(str(path), experiment)
    except RuntimeError:
        reason = "the file is truncated or is no mzML; copy or convert it again (msconvert --mzML)"
        raise _defect(reason, assay) from None
    if experiment.getNrSpectra() == 0:
        reason = "the file holds no MS1 scans; was only MS2 exported, or is it no mzML?"
        raise _defect(reason, assay)
    _check_times(experiment, assay, min_run_s)
    polarity = _polarity(experiment, assay)
    experiment, picked = _centroided(experiment, assay, profile, log)
    return _flat(experiment, polarity, picked, assay)


def _defect(reason: str, assay: str, check: str = "mzML readable") -> core_job.InputDefect:
    return core_job.InputDefect(
        f"{assay}: {reason}", requirement_id=REQUIREMENT, check=check, evidence=assay
    )


def _check_times(experiment: "pyopenms.MSExperiment", assay: str, min_run_s: float) -> None:
    """InputDefect unless the scans follow one another over at least `min_run_s` seconds."""
    times = [spectrum.getRT() for spectrum in experiment]
    if len(times) < MIN_SCANS:
        reason = f"the file holds {len(times)} MS1 scans; a chromatographic run needs many more"
        raise _defect(reason, assay, "scan times")
    span = max(times) - min(times)
    if len(set(times)) < MIN_SCANS or span < min_run_s:
        reason = (
            f"the times of its {len(times)} scans span {span:.3g} s (required: >= {min_run_s:g}); are they missing, or "
            "minutes without their unit? Convert it again"
        )
        raise _defect(reason, assay, "scan times")


def _polarity(experiment: "pyopenms.MSExperiment", assay: str) -> str:
    found = {spectrum.getInstrumentSettings().getPolarity().name for spectrum in experiment}
    found = {name.lower() for name in found} & {"positive", "negative"}
    if len(found) > 1:
        reason = (
            "the run holds positive and negative scans; write one file for each polarity and give "
            "them as two rows with sequence pos and neg"
        )
        raise _defect(reason, assay, "one polarity")
    return found.pop() if found else "unknown"


def _centroided(experiment, assay: str, profile: str, log):
    """The experiment, peak-picked when its scans are profile data, and whether that was needed."""
    import pyopenms

    kinds = {"PROFILE": 0, "CENTROID": 0}
    for spectrum in experiment:
        kind = spectrum.getType().name
        if kind not in kinds and spectrum.size() > 4:
            kind = spectrum.getType(True).name  # asks the data
        if kind in kinds:
            kinds[kind] += 1
    if kinds["PROFILE"] <= kinds["CENTROID"]:
        return experiment, False
    if profile == "refuse":
        reason = "profile data; convert with centroiding (msconvert --filter 'peakPicking vendor')"
        raise _defect(reason, assay, "centroided")
    with openms_output(log):
        picked = pyopenms.PeakPickerHiRes().pickExperiment(experiment, False)
    return picked, True


def _flat(experiment, polarity: str, picked: bool, assay: str) -> Centroids:
    import numpy as np

    scans = sorted(experiment, key=lambda spectrum: spectrum.getRT())
    rt = np.array([spectrum.getRT() for spectrum in scans])
    peaks = [spectrum.get_peaks() for spectrum in scans]
    scan = np.repeat(np.arange(len(scans), dtype="int32"), [mz.size for mz, _ in peaks])
    mz = np.concatenate([mz for mz, _ in peaks]).astype("float64")
    intensity = np.concatenate([values for _, values in peaks]).astype("float32")
    good = np.isfinite(mz) & np.isfinite(intensity) & (intensity > 0)
    if not good.any():
        raise _defect("no scan holds a peak; was the run acquired at all?", assay, "signal in run")
    scan, mz, intensity = scan[good], mz[good], intensity[good]
    order = np.lexsort((mz, scan))
    return Centroids(rt, scan[order], mz[order], intensity[order], polarity, picked)
