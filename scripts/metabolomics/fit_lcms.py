"""The reference of one LC-MS block, learned on the pooled QC and blank runs of the development batches (no diagnosis).

In: features and centroids of QC and blank runs; features of development samples where QC runs are too few. Out: reference (npz),
quality of every candidate, dictionary, stability.
Source: Broadhurst et al. 2018, Metabolomics 14:72 (QC rules); docs/metabolomics.md.
"""

from scripts.core import job as core_job
from scripts.core.acquisition import cut_at_an_end
from scripts.core.features import Feature, write_dictionary
from scripts.metabolomics.candidates import (
    Run,
    consensus,
    load_runs,
    measure,
    usable,
)
from scripts.metabolomics.fit_tables import write_quality, write_stability
from scripts.metabolomics.lcms_reference import Reference, described
from scripts.metabolomics.normalisation import blank_ratio, qc_quality
from scripts.metabolomics.retention_alignment import Alignment, align
from scripts.metabolomics.run_length import (
    check_ends,
    check_left_out,
    nothing_to_learn_from,
    usual_window,
    why_failed,
    why_incomplete,
)
from scripts.metabolomics.run_sheet import listed
from scripts.metabolomics.standards import assign, feature_name, read_standards

SOURCE = "LC-MS, area at the reference position, QC drift corrected, PQN"


def name_features(found: dict, standards: list, settings: dict) -> tuple[list[tuple], Alignment]:
    """(name, description, role) of each candidate, and how its times were laid on those of the standards.

    A standard gives its name where m/z and time match; else the name is made of both: mz195.0877_rt182. The standards may
    have been run on another day: their times are aligned first, with the standards themselves as landmarks.
    """
    import numpy as np

    mz, rt = found["mz"], found["rt"]
    table = np.array([(s.mz, s.rt, 1.0) for s in standards]).reshape(-1, 3)
    rules = settings["alignment"] | {"ppm": settings["ppm"], "top_intensity": 1.0}
    alignment = align((mz, rt, found["area"]), tuple(table.T), rules)
    named = assign(
        standards,
        mz,
        alignment.to_reference(rt),
        ppm=settings["ppm"],
        rt_tolerance=settings["standard_rt_tolerance_s"],
    )
    out, seen = [], {}
    for index in range(mz.size):
        place = f"m/z {mz[index]:.4f} at {rt[index]:.0f} s"
        if index in named:
            standard = named[index]
            role = "qc" if standard.role == "internal_standard" else "predictor"
            text = f"{standard.name}: {place}, MSI level 2 (own standard's m/z and time, no MS2)"
            out.append((feature_name(standard.name), text, role))
            continue
        name = f"mz{mz[index]:.4f}_rt{rt[index]:.0f}"
        seen[name] = seen.get(name, 0) + 1
        name = name if seen[name] == 1 else f"{name}_{seen[name]}"
        out.append((name, f"{place}, MSI level 4 (unknown)", "predictor"))
    return out, alignment


def fit(
    runs: list[Run], standards: list, settings: dict, log=None
) -> tuple[Reference, dict, Alignment, dict[str, str]]:
    """Reference, quality table {column: (candidates,) values}, alignment to the standards' times, {QC run left out: why}.

    InputDefect when no run can be used.
    """
    import numpy as np

    common = _commonest(runs)
    left_out = {
        run.row["assay"]: f"acquired in {described(run.about)}, most QC runs in {common}"
        for run in runs
        if run.row["role"] == "qc" and described(run.about) != common
    }
    runs = [run for run in runs if described(run.about) == common]
    by_role = {
        role: [r for r in runs if r.row["role"] == role] for role in ("qc", "blank", "sample")
    }
    qcs, unusable = usable(by_role["qc"], settings)
    left_out |= unusable
    with_qcs = len(qcs) >= settings["min_qcs"]
    basis = qcs if with_qcs else qcs + by_role["sample"]
    basis, _ = usable(basis, settings)
    if not basis or not any(run.features.size for run in basis):
        raise nothing_to_learn_from("EXT-02")
    found = consensus(basis, settings, log)
    landmark = found["present"] >= settings["min_landmark_presence"]
    landmarks = tuple(found[key][landmark] for key in ("mz", "rt", "area"))
    presence = settings["min_presence" if with_qcs else "min_presence_without_qcs"]
    chosen = found["present"] >= presence
    found = {key: v[chosen] if getattr(v, "ndim", 0) else v for key, v in found.items()}
    if with_qcs:
        values = measure(qcs, found, landmarks, settings)
        table = qc_quality([run.row for run in qcs], values, settings)
        found["missing"] = np.isnan(values).mean(axis=0)
    else:
        unknown = np.full(found["mz"].size, np.nan)
        table = {"level": np.log2(found["area"]), "rsd_before": unknown, "rsd": unknown}
        found["missing"] = unknown
    start, end = usual_window([run.about["times"] for run in basis])
    whole = [
        run
        for run in by_role["blank"]
        if not why_incomplete(run.about["times"], (start, end), settings)
    ]  # half a blank would show half of the background
    blanks = measure(whole, found, landmarks, settings, qcs)
    ratio = blank_ratio(blanks, table["level"])
    reason = np.where(~np.isfinite(table["level"]), "no QC value", "")
    reason = np.where((reason == "") & (ratio > settings["max_blank_ratio"]), "blank", reason)
    reason = np.where((reason == "") & (table["rsd"] > settings["max_rsd"]), "QC RSD", reason)
    kept = reason == ""
    names, to_standards = name_features(found, standards, settings)
    reference = Reference(
        name=np.array([name for name, _, _ in names], dtype=str)[kept],
        role=np.array([role for _, _, role in names], dtype=str)[kept],
        mz=found["mz"][kept],
        rt=found["rt"][kept],
        half_width=found["half_width"][kept],
        level=table["level"][kept],
        landmark_mz=landmarks[0],
        landmark_rt=landmarks[1],
        landmark_area=landmarks[2],
        tic=np.float64(np.median([run.about["tic"] for run in basis])),
        count=np.float64(np.median([run.features.size for run in basis])),
        polarity=np.array(runs[0].about["polarity"]),
        voltage=np.float64(runs[0].about["voltage"]),
        start=np.float64(start),
        end=np.float64(end),
    )
    quality_table = {
        "feature": [name for name, _, _ in names],
        "description": [text for _, text, _ in names],
        "role": [role for _, _, role in names],
        "mz": found["mz"],
        "rt": found["rt"],
        "present": found["present"],
        "missing_after_gap_fill": found["missing"],
        "rsd_before": table["rsd_before"],
        "rsd": table["rsd"],
        "blank_ratio": ratio,
        "dropped": reason,
    }
    return reference, quality_table, to_standards, left_out


def ends_of(run: Run) -> float:
    """How many peaks of a run lie at its ends, against an even spread."""
    import numpy as np

    if not run.features.size:
        return 0.0
    width = float(np.median(run.features.fwhm))
    return cut_at_an_end(run.features.rt, width, *run.about["times"][[0, -1]])


def _commonest(runs: list[Run]) -> str:
    """How most runs were acquired, QC runs first; "" without runs."""
    votes = [described(run.about) for run in runs if run.row["role"] == "qc"]
    votes = votes or [described(run.about) for run in runs]
    return max(sorted(set(votes)), key=votes.count) if votes else ""


def check_reference(step, table: dict, qcs: int, standards: int, to_standards, settings) -> None:
    """Record QC runs, features kept, their RSD, names given by standards."""
    import numpy as np

    kept = np.array(table["dropped"]) == ""
    enough, least = qcs >= settings["min_qcs"], settings["min_qcs"]
    step.check(
        "EXT-02",
        "pooled QC runs in development batches",
        "PASS" if enough else "WARN",
        value=qcs,
        threshold=f">= {least}",
        reason="" if enough else f"{qcs} pooled QC runs: repeatability of features is not known",
    )
    if not kept.any():
        reason = "no feature is repeatable in QC runs and absent from blanks"
        raise core_job.InputDefect(reason, requirement_id="EXT-02", check="features kept")
    step.check("EXT-02", "features kept", "PASS", value=int(kept.sum()), threshold=">= 1")
    if np.isfinite(table["rsd"][kept]).any():
        step.check(
            "EXT-02",
            "median QC RSD of the features kept",
            "PASS",
            value=float(np.nanmedian(table["rsd"][kept])),
            threshold=f"<= {settings['max_rsd']} each",
        )
    levels = [text.split("MSI level ")[1][0] for text in np.array(table["description"])[kept]]
    named = sum(level in "123" for level in levels)
    step.check(
        "OMX-02",
        "features with MSI level 3 or better",
        "PASS" if named else "WARN",
        value=named,
        threshold=">= 1",
        reason="" if named else "no feature has a name; config metabolomics.standards names none",
        acts=False,
    )
    if standards:
        step.check(
            "OMX-02",
            "retention times laid on those of the standards",
            "WARN" if to_standards.problem else "PASS",
            value=to_standards.intercept if not to_standards.problem else None,
            unit="s",
            reason=to_standards.problem,
            acts=False,
        )


def main(job):
    """Learn the reference of one LC-MS block.

    input: features, statuses (one per run, in the order of params.runs), centroids (QC and blank runs, in that order),
        standards (optional table)
    output: reference (npz), quality (tsv), dictionary (tsv), stability (tsv), status, ledger
    params: settings = @metabolomics.lcms, runs = [{assay, role, batch, order}]
    wildcards: block
    """
    with core_job.step(job) as step:
        settings, rows = job.params.settings, list(job.params.runs)
        names = [row["assay"] for row in rows if row["role"] in ("qc", "blank")]
        centroids = dict(zip(names, listed(job.input, "centroids"), strict=True))
        tables = listed(job.input, "standards")
        standards = read_standards(tables[0]) if tables else []
        features, statuses = listed(job.input, "features"), listed(job.input, "statuses")
        runs = load_runs(rows, features, statuses, centroids)
        if not runs:
            raise nothing_to_learn_from("EXT-02", why_failed(rows, statuses))
        reference, table, to_standards, left_out = fit(runs, standards, settings, step.log)
        check_left_out(step, left_out)
        check_ends(step, [ends_of(run) for run in runs if run.row["role"] == "qc"], settings)
        for reason in sorted(set(table["dropped"]) - {""}):
            count = sum(table["dropped"] == reason)
            step.log.info("%d candidates dropped: %s", count, reason)
        qcs = sum(run.row["role"] == "qc" for run in runs) - len(left_out)
        check_reference(step, table, qcs, len(standards), to_standards, settings)
        reference.save(step.path(job.output.reference))
        write_quality(step.path(job.output.quality), table)
        write_stability(step.path(job.output.stability), table)
        columns = (table[key] for key in ("feature", "description", "role", "dropped"))
        described = [
            Feature(name, text, "log2 area", role, SOURCE)
            for name, text, role, dropped in zip(*columns, strict=True)
            if not dropped
        ]
        write_dictionary(step.path(job.output.dictionary), described)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
