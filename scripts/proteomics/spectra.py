"""Reading a DDA run: peaks of MS1 and MS2, precursors, resolution of the MS2 analyser.

In: mzML (.gz too). Out: a centroided pyopenms experiment, or InputDefect with one plain reason.
Source: mzML 1.1 (PSI); filter lines FTMS and ITMS of Thermo instruments.
"""

import gzip
import zlib
from pathlib import Path

from scripts.core import job as core_job

REQUIREMENT = "OMX-03"
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 24


def _defect(reason: str, evidence: str, check: str = "run readable") -> core_job.InputDefect:
    return core_job.InputDefect(
        f"{evidence}: {reason}", requirement_id=REQUIREMENT, check=check, evidence=evidence
    )


def check_complete(path: str | Path, evidence: str) -> None:
    """InputDefect unless the file is an mzML that runs to its closing tag; a cut file must not pass as a short run.

    (OpenMS reports a cut file as a parse error, which does not tell its reader what to do.)
    """
    path = Path(path)
    if not path.is_file():
        raise _defect("there is no such file", evidence)
    if path.stat().st_size == 0:
        raise _defect("the file is empty", evidence)
    with open(path, "rb") as handle:
        packed = handle.read(2) == _GZIP_MAGIC
    try:
        with gzip.open(path) if packed else open(path, "rb") as handle:
            head = handle.read(4096)
            tail = head
            if not packed:
                handle.seek(max(0, path.stat().st_size - 4096))
            while chunk := handle.read(_CHUNK):
                tail = (tail + chunk)[-4096:]
    except (OSError, EOFError, zlib.error):
        raise _defect("the .gz file is truncated or damaged; copy it again", evidence) from None
    if b"<mzML" not in head and b"<indexedmzML" not in head:
        raise _defect("not an mzML file; convert the raw file with msconvert", evidence)
    if b"</mzML>" not in tail and b"</indexedmzML>" not in tail:
        raise _defect("the mzML file is truncated (no closing tag); copy it again", evidence)


def read_run(path: str | Path, evidence: str, min_run_s: float = 0.0):
    """The run as a pyopenms.MSExperiment of centroids, sorted by retention time.

    Raises InputDefect: unreadable, truncated, no MS2 spectrum, or scan times that span less than `min_run_s` in a run with
    MS1 (missing, or minutes without their unit: areas would be wrong). Profile spectra are picked (PeakPickerHiRes).
    """
    import pyopenms as oms

    check_complete(path, evidence)
    experiment = oms.MSExperiment()
    try:
        oms.MzMLFile().load(str(path), experiment)
    except RuntimeError:
        reason = "the mzML file is damaged; copy or convert it again (msconvert --mzML)"
        raise _defect(reason, evidence) from None
    levels = [spectrum.getMSLevel() for spectrum in experiment]
    with_peaks = [s.getMSLevel() for s in experiment if s.size() > 0]
    if 2 not in with_peaks:
        found = f"{len(levels)} spectra" if levels else "no spectrum at all"
        raise _defect(
            f"no MS2 spectra ({found}); a DDA search needs fragment spectra",
            evidence,
            "MS2 spectra present",
        )
    times = [spectrum.getRT() for spectrum in experiment]
    if 1 in levels and max(times) - min(times) < min_run_s:
        raise _defect(
            f"the times of its {len(times)} scans span {max(times) - min(times):.3g} s (required: >= {min_run_s:g}); are they "
            "missing, or minutes without their unit? Convert it again",
            evidence,
            "scan times",
        )
    for level in (1, 2):
        if _is_profile(experiment, level):
            picker = oms.PeakPickerHiRes()
            parameters = picker.getParameters()
            parameters.setValue("ms_levels", [level])
            picker.setParameters(parameters)
            experiment = picker.pickExperiment(experiment, False)
    experiment.sortSpectra(True)
    return experiment


def _is_profile(experiment, level: int) -> bool:
    """Whether most spectra of an MS level are profile data, by what the file says, else by the data themselves."""
    kinds = []
    for spectrum in experiment:
        if spectrum.getMSLevel() == level and spectrum.size() > 4:
            kind = spectrum.getType().name
            kinds.append(kind if kind in ("PROFILE", "CENTROID") else spectrum.getType(True).name)
    return 2 * kinds.count("PROFILE") > len(kinds)


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
