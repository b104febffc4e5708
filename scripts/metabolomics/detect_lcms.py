"""Features of one LC-MS run: noise, mass traces, elution peaks, isotope groups.

In: mzML of a sample, QC or blank run. Out: feature table and MS1 centroids (npz), status, QC records.
Source: OpenMS MassTraceDetection, ElutionPeakDetection, FeatureFindingMetabo (Kenar et al. 2014, Mol Cell Proteomics 13:348).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.metabolomics.mass_spectra import (
    REQUIREMENT,
    Centroids,
    check_reading,
    openms_output,
    read_ms1,
)

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Features:
    """Features of one run, sorted by m/z, then time: (features,) float64 arrays; `fwhm` in seconds, `charge` 0 = unknown."""

    mz: "np.ndarray"
    rt: "np.ndarray"
    area: "np.ndarray"
    fwhm: "np.ndarray"
    charge: "np.ndarray"

    @property
    def size(self) -> int:
        """Number of features."""
        return self.mz.size


def noise_level(run: Centroids, ppm: float, quantile: float) -> float:
    """Intensity that noise hardly exceeds: a quantile of the peaks that neither neighbouring scan repeats within `ppm`.

    Works for data that still hold their noise (Q-TOF) and for data cut at a threshold (Orbitrap); where nothing is
    transient, the smallest intensity.
    """
    import numpy as np

    if run.rt.size < 3:
        return float(run.intensity.min())
    width = 1e6 / ppm
    cell = np.floor(np.log(run.mz) * width).astype("int64")
    span = int(cell.max() - cell.min()) + 3
    key = run.scan.astype("int64") * span + (cell - cell.min() + 1)
    occupied = np.unique(key)
    repeated = np.zeros(key.size, dtype=bool)
    for scans in (-1, 1):
        for cells in (-1, 0, 1):
            wanted = key + scans * span + cells
            place = np.minimum(np.searchsorted(occupied, wanted), occupied.size - 1)
            repeated |= occupied[place] == wanted
    transient = run.intensity[~repeated]
    if transient.size < 100:
        return float(run.intensity.min())
    return float(np.quantile(transient, quantile))


def find_features(run: Centroids, noise: float, settings: dict, log=None) -> Features:
    """Features of one run above `noise`. `settings`: ppm, min_trace_s, peak_fwhm_s, max_fwhm_s of config metabolomics.lcms."""
    import numpy as np
    import pyopenms

    def adjusted(algorithm, **values):
        parameters = algorithm.getDefaults()
        for name, value in values.items():
            parameters.setValue(name, value)
        algorithm.setParameters(parameters)
        return algorithm

    fwhm = float(settings["peak_fwhm_s"])
    experiment = _experiment(run, noise)
    with openms_output(log):
        traces = adjusted(
            pyopenms.MassTraceDetection(),
            mass_error_ppm=float(settings["ppm"]),
            noise_threshold_int=float(noise),
            min_trace_length=float(settings["min_trace_s"]),
        ).run(experiment, 0)
        peaks = adjusted(
            pyopenms.ElutionPeakDetection(),
            width_filtering="fixed",
            min_fwhm=0.5,
            max_fwhm=float(settings["max_fwhm_s"]),
            chrom_fwhm=fwhm,
        ).detectPeaks(traces)
        found = pyopenms.FeatureMap()
        adjusted(
            pyopenms.FeatureFindingMetabo(),
            local_rt_range=fwhm,
            chrom_fwhm=fwhm,
            isotope_filtering_model="none",
        ).run(peaks, found)
    table = np.array(
        [(f.getMZ(), f.getRT(), f.getIntensity(), f.getWidth(), f.getCharge()) for f in found]
    ).reshape(-1, 5)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    return Features(*table.T)


def _experiment(run: Centroids, noise: float):
    import numpy as np
    import pyopenms

    keep = run.intensity >= noise
    starts = np.searchsorted(run.scan[keep], np.arange(run.rt.size + 1))
    mz, intensity = run.mz[keep], run.intensity[keep]
    experiment = pyopenms.MSExperiment()
    for number, rt in enumerate(run.rt):
        spectrum = pyopenms.MSSpectrum()
        spectrum.setMSLevel(1)
        spectrum.setRT(float(rt))
        part = slice(starts[number], starts[number + 1])
        spectrum.set_peaks((mz[part], intensity[part]))
        experiment.addSpectrum(spectrum)
    return experiment


def save_run(path: Path, features: Features, run: Centroids, noise: float) -> None:
    """Write the feature table with the run's scan times, total ion current (median over scans), noise, polarity, voltage."""
    import numpy as np

    np.savez_compressed(
        path,
        mz=features.mz,
        rt=features.rt,
        area=features.area,
        fwhm=features.fwhm,
        charge=features.charge,
        tic=np.float64(np.median(run.total_ion_current())),
        noise=np.float64(noise),
        polarity=np.array(run.polarity),
        voltage=np.float64(np.nan if run.voltage is None else run.voltage),
        times=run.rt,
    )


def load_features(path: str | Path) -> tuple[Features, dict]:
    """Feature table of a run and {tic, noise, polarity, voltage (NaN without FAIMS), times (scans,)}."""
    import numpy as np

    with np.load(path) as data:
        table = Features(*(data[name] for name in ("mz", "rt", "area", "fwhm", "charge")))
        about = {
            "tic": float(data["tic"]),
            "noise": float(data["noise"]),
            "polarity": str(data["polarity"]),
            "voltage": float(data["voltage"]),
            "times": data["times"],
        }
    return table, about


def main(job):
    """Find the features of one LC-MS run.

    input: run = mzML or mzML.gz
    output: features (npz), centroids (npz, all points above a quarter of the noise), status, ledger
    params: settings = @metabolomics.lcms, subject = patient or run that the records are about
    wildcards: run = assay id
    """
    from scripts.metabolomics.ion_chromatograms import save_centroids

    with core_job.step(job) as step:
        settings, assay = job.params.settings, job.wildcards.run
        step.subject = getattr(job.params, "subject", assay)
        step.require_md5()
        run = read_ms1(job.input.run, assay, settings, step.log)
        check_reading(step, run, assay)
        noise = noise_level(run, settings["ppm"], settings["noise_quantile"])
        features = find_features(run, noise, settings, step.log)
        found = features.size > 0
        step.check(
            REQUIREMENT,
            "chromatographic peaks in the run",
            "PASS" if found else "WARN",
            value=features.size,
            threshold=">= 1",
            evidence=assay,
            reason="" if found else f"{assay}: the run shows no chromatographic peak",
        )
        step.log.info("noise %.4g, %d features, polarity %s", noise, features.size, run.polarity)
        save_run(step.path(job.output.features), features, run, noise)
        save_centroids(step.path(job.output.centroids), run, floor=noise / 4)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
