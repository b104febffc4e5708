"""Named compounds of one GC-MS run: deconvolution, retention index from the batch's ladder, EI library.

In: mzML of a sample, QC or blank run, the ladder of its batch, an MSP library. Out: compounds with areas (npz), status.
Source: van den Dool & Kratz 1963; Biller & Biemann 1974; MSI level 2 by spectrum and index (Sumner et al. 2007).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.metabolomics.deconvolution import find_components
from scripts.metabolomics.ei_library import Hit, identify, read_msp
from scripts.metabolomics.mass_spectra import REQUIREMENT, check_reading, read_ms1
from scripts.metabolomics.retention_index import Ladder, ladder_from_run, read_ladder
from scripts.metabolomics.run_sheet import listed
from scripts.metabolomics.standards import feature_name

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Compounds:
    """Compounds of one run (arrays): feature name, library label, quantifier m/z, index, cosine, area.

    `signal`: all areas; `times` (scans,) and `peaks` (components,) in seconds, of all components whether named or not.
    """

    name: "np.ndarray"
    label: "np.ndarray"
    quantifier: "np.ndarray"
    index: "np.ndarray"
    score: "np.ndarray"
    area: "np.ndarray"
    signal: float
    components: int
    times: "np.ndarray"
    peaks: "np.ndarray"

    def log2_area(self, names: list[str]) -> "np.ndarray":
        """(names,) log2 areas in the given order, NaN for what the run does not show."""
        import numpy as np

        areas = dict(zip(self.name.tolist(), self.area.tolist(), strict=True))
        return np.log2(np.array([areas.get(name, np.nan) for name in names], dtype="float64"))


def tabulate(hits: list[Hit], components: list, times: "np.ndarray") -> Compounds:
    """Hits as arrays, sorted by feature name; of two library names that make one feature name the better hit stays."""
    import numpy as np

    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda hit: -hit.score):
        best.setdefault(feature_name(hit.entry.name), hit)
    names = sorted(best)
    rows = [best[name] for name in names]
    return Compounds(
        name=np.array(names, dtype=str),
        label=np.array([hit.entry.name for hit in rows], dtype=str),
        quantifier=np.array([hit.entry.quantifier for hit in rows], dtype="int64"),
        index=np.array([hit.index for hit in rows], dtype="float64"),
        score=np.array([hit.score for hit in rows], dtype="float64"),
        area=np.array([hit.area for hit in rows], dtype="float64"),
        signal=float(sum(component.area.sum() for component in components)),
        components=len(components),
        times=times,
        peaks=np.array([component.rt for component in components], dtype="float64"),
    )


def save_compounds(path: Path, compounds: Compounds) -> None:
    """Write the compounds of a run as npz."""
    import numpy as np

    np.savez_compressed(path, **{k: np.asarray(v) for k, v in vars(compounds).items()})


def load_compounds(path: str | Path) -> Compounds:
    """Compounds written by `save_compounds`."""
    import numpy as np

    with np.load(path) as data:
        values = {name: data[name] for name in data.files}
    values["signal"], values["components"] = float(values["signal"]), int(values["components"])
    return Compounds(**values)


def batch_ladder(
    paths: list[str], assays: list[str], batch: str, settings: dict, log=None
) -> Ladder:
    """The ladder of a batch from its first ladder run (mzML) or table; InputDefect when the batch has none."""
    if not paths:
        raise core_job.InputDefect(
            f"batch {batch} has no ladder run (sample_role ladder); retention indices need one",
            requirement_id=REQUIREMENT,
            check="retention index ladder",
        )
    if paths[0].lower().endswith((".csv", ".tsv", ".txt")):
        return read_ladder(paths[0], assays[0], settings["ladder_rt_unit"])
    run = read_ms1(paths[0], assays[0], settings, log, polarity_required=False)
    first, last = settings["ladder_carbons"]
    return ladder_from_run(find_components(run, settings), first, last, assays[0])


def main(job):
    """Find the named compounds of one GC-MS run.

    input: run = mzML; ladders = ladder runs or tables of the batch; library = MSP
    output: compounds (npz), status, ledger
    params: settings = @metabolomics.gcms, ladders = assay ids of the ladders, batch, subject
    wildcards: run = assay id
    """
    import numpy as np

    with core_job.step(job) as step:
        settings, assay = job.params.settings, job.wildcards.run
        step.subject = getattr(job.params, "subject", assay)
        step.require_md5()
        libraries = listed(job.input, "library")
        if not libraries:
            raise core_job.InputDefect(
                "no EI library: config metabolomics.gcms.library must name an MSP file",
                requirement_id=REQUIREMENT,
                check="EI library",
            )
        # Electron ionisation makes positive ions; many converters do not say so.
        run = read_ms1(job.input.run, assay, settings, step.log, polarity_required=False)
        check_reading(step, run, assay)
        ladders = listed(job.input, "ladders")
        ladder = batch_ladder(
            ladders, list(job.params.ladders), job.params.batch, settings, step.log
        )
        components = find_components(run, settings)
        indices = ladder.index(np.array([component.rt for component in components]))
        hits = identify(components, indices, read_msp(libraries[0]), settings)
        inside = int(np.isfinite(indices).sum())
        step.log.info("%d components, %d inside the ladder", len(components), inside)
        step.check(
            REQUIREMENT,
            "compounds identified, MSI level 2 (EI library and retention index)",
            "PASS" if hits else "WARN",
            value=len(hits),
            threshold=">= 1",
            evidence=assay,
            reason="" if hits else f"{assay}: no compound of the library was found",
            acts=False,
        )
        table = tabulate(hits, components, run.rt)
        save_compounds(step.path(job.output.compounds), table)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
