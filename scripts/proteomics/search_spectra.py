"""In: DDA runs (mzML) of one patient or QC sample, target-decoy FASTA. Out: one table of peptide-spectrum matches per subject.
Score: ln hyperscore (ProSE of OpenMS 3.6, X!Tandem-like), best match per spectrum; areas: MS1 elution peaks.
Source: Eng et al. 2013 (OpenMS), Elias & Gygi 2007 with the +1 rule, per run.
"""

import contextlib
import ctypes
import os
import sys
import tempfile
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.proteomics.precursor_areas import ms1_maps, precursor_areas, voltage_key
from scripts.proteomics.spectra import REQUIREMENT, ms2_resolution, read_run
from scripts.proteomics.target_decoy import fewest_targets, q_values, targets_within

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "assay_id": str,
    "block": str,
    "spectrum": str,
    "retention_time": float,
    "precursor_mz": float,
    "charge": int,
    "peptide": str,
    "sequence": str,
    "accessions": str,
    "is_decoy": bool,
    "score": float,
    "mass_error_ppm": float,
    "q_value": float,
    "area": float,
}


@contextlib.contextmanager
def native_output_to(log):
    """Send what C++ prints to stdout into the log of the step (pyopenms does not know Python's streams)."""
    with tempfile.TemporaryFile() as caught:
        sys.stdout.flush()
        saved = os.dup(1)
        os.dup2(caught.fileno(), 1)
        try:
            yield
        finally:
            ctypes.CDLL(None).fflush(None)  # what C++ still holds back
            os.dup2(saved, 1)
            os.close(saved)
            caught.seek(0)
            log.info("OpenMS says:\n%s", caught.read().decode(errors="replace").strip())


def engine(settings: dict, resolution: str):
    """ProSE set up from config proteomics.dda; `resolution` of the MS2 chooses the fragment tolerance."""
    import pyopenms as oms

    search = oms.ProSEAlgorithm()
    parameters = search.getParameters()
    high = resolution == "high"
    for key, value in {
        "enzyme": settings["enzyme"],
        "decoys": "auto",  # the database brings its decoys
        "decoy_prefix": settings["decoy_prefix"],
        "precursor:mass_tolerance_lower": float(settings["precursor_tolerance_ppm"]),
        "precursor:mass_tolerance_upper": float(settings["precursor_tolerance_ppm"]),
        "precursor:mass_tolerance_unit": "ppm",
        "fragment:mass_tolerance": float(
            settings["fragment_tolerance_ppm"] if high else settings["fragment_tolerance_da"]
        ),
        "fragment:mass_tolerance_unit": "ppm" if high else "Da",
        "modifications:fixed": settings["fixed_modifications"],
        "modifications:variable": settings["variable_modifications"],
        "peptide:missed_cleavages": settings["missed_cleavages"],
        "peptide:min_size": settings["peptide_length"][0],
        "peptide:max_size": settings["peptide_length"][1],
        "report:top_hits": 1,
    }.items():
        if isinstance(value, list):
            value = [str(item) for item in value]
        parameters.setValue(key, value)
    search.setParameters(parameters)
    return search


def read_database(path: str) -> list:
    """The target-decoy FASTA as pyopenms entries."""
    import pyopenms as oms

    entries: list = []
    oms.FASTAFile().load(str(path), entries)
    return entries


def match_spectra(experiment, database: list, settings: dict, resolution: str) -> "pd.DataFrame":
    """Best match of every MS2 spectrum (COLUMNS without assay_id, block, q_value, area)."""
    import pandas as pd
    import pyopenms as oms

    identifications = oms.PeptideIdentificationList()
    engine(settings, resolution).search(experiment, database, [], identifications)
    rows = []
    for i in range(identifications.size()):
        spectrum = identifications[i]
        hits = spectrum.getHits()
        if not hits:
            continue
        hit = hits[0]
        accessions = sorted(
            {str(evidence.getProteinAccession()) for evidence in hit.getPeptideEvidences()}
        )
        peptide = hit.getSequence()
        charge = int(hit.getCharge())
        rows.append(
            {
                "spectrum": str(spectrum.getSpectrumReference()),
                "retention_time": spectrum.getRT(),
                "precursor_mz": peptide.getMZ(charge),
                "charge": charge,
                "peptide": str(peptide.toString()),
                "sequence": str(peptide.toUnmodifiedString()),
                "accessions": ";".join(accessions),
                # A peptide that stands in a target as well counts as target.
                "is_decoy": all(a.startswith(settings["decoy_prefix"]) for a in accessions),
                "score": hit.getScore(),
                "mass_error_ppm": float(hit.getMetaValue("precursor_mz_error_ppm")),
            }
        )
    table = pd.DataFrame(rows, columns=[c for c in COLUMNS if c in (rows[0] if rows else COLUMNS)])
    return table.sort_values(["retention_time", "spectrum"], kind="stable", ignore_index=True)


def search_run(
    path: str, assay_id: str, database: list, settings: dict
) -> tuple["pd.DataFrame", dict]:
    """Matches of one run with q-values and areas, and what the checks need (counts, resolution).

    Raises InputDefect when the run cannot be read or holds no MS2.
    """
    run = read_run(path, assay_id, settings)
    experiment = run.experiment
    resolution = settings["ms2_resolution"]
    if resolution == "auto":
        resolution = ms2_resolution(experiment, settings["gap_high_resolution"])
    # Before the search: ProSE normalises all spectra in place.
    maps = ms1_maps(experiment, run.voltages)
    matches = match_spectra(experiment, database, settings, resolution)
    scores, decoys = matches["score"].to_numpy(float), matches["is_decoy"].to_numpy(bool)
    matches["q_value"] = q_values(scores, decoys, settings["decoy_correction"])
    wanted = (matches["q_value"] <= settings["psm_q_value"]) & ~matches["is_decoy"]
    matches["area"] = float("nan")
    voltage = matches["spectrum"].map(lambda name: voltage_key(run.voltages, name))
    for key, ms1 in maps.items():
        own = wanted & (voltage.isna() if key is None else voltage == key)
        matches.loc[own, "area"] = precursor_areas(
            ms1,
            *(
                matches.loc[own, column].to_numpy()
                for column in ("precursor_mz", "charge", "retention_time")
            ),
            settings["area_tolerance_ppm"],
            settings["area_half_window_s"],
            settings["area_edge"],
        )
    matches["assay_id"] = assay_id
    counts = {
        "ms1": sum(len(ms1.times) for ms1 in maps.values()),
        "ms2": sum(s.getMSLevel() == 2 for s in experiment),
        "matched": len(matches),
        "identified": int(wanted.sum()),
        "with_area": int(matches.loc[wanted, "area"].notna().sum()),
        "without_correction": targets_within(scores, decoys, settings["psm_q_value"]),
        "targets": int((~decoys).sum()),
        "resolution": resolution,
        "mass_error": float(matches.loc[wanted, "mass_error_ppm"].median())
        if wanted.any()
        else 0.0,
        **run.window(),
        "left_out": run.survey.left_out,
        "guessed_unit": run.survey.guessed_unit,
    }
    return matches, counts


def why_nothing_identified(counts: dict, settings: dict) -> str:
    """The honest reason when no match reaches the q-value."""
    needed = fewest_targets(settings["psm_q_value"], settings["decoy_correction"])
    kept = counts["without_correction"]
    percent = f"{settings['psm_q_value']:.0%}"
    if kept < needed:
        return (
            f"only {kept} target matches stand at decoys/targets <= {percent}; fewer than {needed} targets cannot reach "
            f"{percent} with the +{settings['decoy_correction']} rule"
        )
    return f"no match reaches {percent} (decoys score as high as targets: wrong FASTA, tolerance or enzyme?)"


def check_run(step, assay_id: str, counts: dict, settings: dict) -> None:
    """Record how one run was read; FAIL when nothing is identified. Limits of what was found belong to quantify_proteins."""
    step.log.info("%s: %s", assay_id, counts)
    if counts["left_out"]:
        step.check(
            *(REQUIREMENT, "functions left out of the survey", "PASS"),
            value=counts["left_out"],
            evidence=assay_id,
        )
    if counts["guessed_unit"]:
        reason = f"{assay_id}: the scan times have no unit; scan rate and length fit {counts['guessed_unit']} only"
        step.check(
            *(REQUIREMENT, "unit of the scan times", "WARN"), evidence=assay_id, reason=reason
        )
    if counts["identified"] == 0:
        reason = f"{assay_id}: {why_nothing_identified(counts, settings)}"
        name = f"PSMs at {settings['psm_q_value']:.0%} FDR"
        step.check(
            REQUIREMENT, name, "FAIL", value=0, unit="PSMs", evidence=assay_id, reason=reason
        )


def write_matches(path, tables: list["pd.DataFrame"], runs: dict[str, dict]) -> None:
    """All matches of a subject as Parquet, with {assay: counts} as attribute `runs`; the columns stand without rows too."""
    import pandas as pd

    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    table = table[list(COLUMNS)].astype(COLUMNS)
    table.attrs = {"runs": runs}
    table.to_parquet(path, compression="zstd", index=False)


def main(job):
    """Search every DDA run of one subject.

    input: runs (mzML), database, database_status
    output: psms, status, ledger
    params: settings; assay_ids, blocks (of the runs, in their order)
    """
    settings = job.params.settings
    with core_job.step(job) as step:
        step.require_md5()
        tables, counted = [], {}
        runs = [job.input.runs] if isinstance(job.input.runs, str) else list(job.input.runs)
        assay_ids = getattr(job.params, "assay_ids", [step.subject] * len(runs))
        blocks = getattr(job.params, "blocks", ["dda"] * len(runs))
        try:
            step.require(job.input.database_status)
            with native_output_to(step.log):
                database = read_database(job.input.database)
                for path, assay_id, block in zip(runs, assay_ids, blocks, strict=True):
                    with step.block(block):
                        matches, counts = search_run(path, assay_id, database, settings)
                        tables.append(matches.assign(block=block))
                        counted[assay_id] = counts | {"block": block}
                        check_run(step, assay_id, counts, settings)
        except core_job.InputDefect as defect:
            step.defect(defect)
        write_matches(step.path(job.output.psms), tables, counted)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
