"""In: sheet ihc.tsv (marker, intensity, percent, reader). Out: one table of H-scores for all patients, verdicts, dictionary.
Tissue is taken from cases only: every feature is annotation and never reaches a classifier.
Source: H-score = sum of intensity x percent, 0-300 (McCarty et al. 1985, Arch Pathol Lab Med 109:716).
"""

import csv
import re
from collections import defaultdict
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.features import (
    VERDICT_COLUMNS,
    Feature,
    join_reasons,
    write_block,
    write_dictionary,
)
from scripts.core.hashing import ROOT
from scripts.core.privacy import looks_like_a_name
from scripts.core.sheets import SheetErrors, read_sheet
from scripts.proteomics.reader_agreement import icc_2_1, weighted_kappa

REQUIREMENT = "PAT-02"
AGREEMENT = "QCP-03"
MARKERS = ROOT / "resources" / "ihc_markers.tsv"
GRADES = 4  # intensities 0 to 3
_RANK = {"pass": 0, "warn": 1, "fail": 2}


def read_markers(path: Path = MARKERS) -> dict[str, dict]:
    """The marker table: {canonical name: row}."""
    with open(path, encoding="utf-8") as handle:
        return {row["marker"]: row for row in csv.DictReader(handle, delimiter="\t")}


def marker_lookup(markers: dict[str, dict]) -> dict[str, str]:
    """{name or synonym without case, blanks, - and _: canonical name}."""
    return {
        _plain(name): marker
        for marker, row in markers.items()
        for name in [marker, *row["synonyms"].split(";")]
    }


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def score_of(calls: list[dict], kind: str) -> float:
    """H-score (0-300) or, for kind "index", percent of stained cells (0-100) from one reader's rows of one marker.

    Raises ValueError when an intensity stands twice or the percentages add up to more than 100.
    """
    intensities = [call["intensity"] for call in calls]
    if len(set(intensities)) < len(intensities):
        raise ValueError("the same intensity stands twice")
    total = sum(call["percent"] for call in calls if call["intensity"] > 0)
    if sum(call["percent"] for call in calls) > 100 + 1e-9:
        raise ValueError(
            f"percentages add up to {sum(c['percent'] for c in calls):g}, at most 100 allowed"
        )
    if kind == "index":
        return float(total)
    return float(sum(call["intensity"] * call["percent"] for call in calls))


def grade_of(calls: list[dict]) -> int:
    """The strongest intensity that a reader saw in any cell."""
    return max((call["intensity"] for call in calls if call["percent"] > 0), default=0)


class Readings:
    """The calls of all allowed patients: by patient, marker, specimen, reader and sample (block of tissue)."""

    def __init__(self, rows: list[dict], markers: dict[str, dict], allowed: set[str]):
        lookup = marker_lookup(markers)
        self.markers = markers
        self.unknown: dict[str, set[str]] = defaultdict(set)
        self.patients: set[str] = set()
        self.calls: dict[tuple[str, str, str], dict[str, dict[str, list[dict]]]] = {}
        for row in rows:
            patient = row["patient_id"]
            if patient not in allowed:
                continue
            self.patients.add(patient)
            marker = lookup.get(_plain(row["marker"]))
            if marker is None:
                personal = looks_like_a_name(row["marker"])
                self.unknown[patient].add("(hidden)" if personal else row["marker"])
                continue
            key = (patient, row.get("specimen", "tumour"), marker)
            samples = self.calls.setdefault(key, {}).setdefault(row.get("reader", ""), {})
            samples.setdefault(row.get("sample_id", ""), []).append(row)

    def scores(self) -> tuple[dict, dict]:
        """{key: {reader: (score, grade)}} and {patient: [what is wrong]}; key = patient, specimen, marker.

        Of several samples that one reader read the mean score and the highest grade count.
        """
        good, bad = {}, defaultdict(list)
        for key, readers in sorted(self.calls.items()):
            for reader, samples in sorted(readers.items()):
                kind = self.markers[key[2]]["score"]
                try:
                    found = [score_of(calls, kind) for calls in samples.values()]
                except ValueError as error:
                    bad[key[0]].append(f"{key[2]}: {error}")
                    continue
                grade = max(grade_of(calls) for calls in samples.values())
                good.setdefault(key, {})[reader] = (sum(found) / len(found), grade)
        return good, bad


def feature_of(marker: dict, specimen: str) -> str:
    """hscore_gpc3, ki67_percent; with the specimen behind when it is not the tumour."""
    name = (
        f"{marker['feature']}_percent"
        if marker["score"] == "index"
        else f"hscore_{marker['feature']}"
    )
    return name if specimen == "tumour" else f"{name}_{specimen}"


def disagreements(
    scores: dict, settings: dict, markers: dict[str, dict]
) -> list[tuple[tuple, str]]:
    """(key, reason) wherever two readers of one marker differ by more than the limits."""
    out = []
    for key, readers in scores.items():
        values = sorted(readers.values())
        if len(values) < 2:
            continue
        spread = max(v[0] for v in values) - min(v[0] for v in values)
        steps = max(v[1] for v in values) - min(v[1] for v in values)
        index = markers[key[2]]["score"] == "index"
        limit = settings["max_index_difference"] if index else settings["max_h_score_difference"]
        if spread > limit or steps > settings["max_intensity_difference"]:
            kind = "percent" if index else "H-score"
            out.append(
                (key, f"{key[2]}: readers differ by {spread:g} in {kind} and {steps} in intensity")
            )
    return out


def cohort_agreement(scores: dict) -> dict[str, tuple[int, float, float]]:
    """{marker: (patients with two readers, ICC(2,1) of the scores, weighted kappa of the intensities)}, tumour only."""
    import numpy as np

    pairs = defaultdict(list)
    for (_, specimen, marker), readers in scores.items():
        if specimen == "tumour" and len(readers) >= 2:
            pairs[marker].append([readers[reader] for reader in sorted(readers)[:2]])
    out = {}
    for marker, values in sorted(pairs.items()):
        array = np.array(values)  # patients, readers, (score, grade)
        kappa = weighted_kappa(array[:, 0, 1], array[:, 1, 1], GRADES)
        out[marker] = (len(values), icc_2_1(array[:, :, 0]), kappa)
    return out


def _check_cohort(step, agreement: dict, settings: dict) -> None:
    for marker, (count, icc, kappa) in agreement.items():
        for name, value, limit in (
            ("ICC(2,1) of two readers", icc, settings["min_icc"]),
            ("weighted kappa of two readers", kappa, settings["min_kappa"]),
        ):
            enough = count >= settings["min_pairs"] and value == value
            good = "PASS" if value > limit else "WARN"
            step.check(
                AGREEMENT,
                f"{name}, {marker}",
                good if enough else "NOT_ASSESSED",
                value=round(value, 4) if enough else None,
                threshold=f"> {limit}",
                reason="" if enough else f"{marker}: {count} pairs are too few or all calls alike",
                acts=False,
            )


def _check_patients(step, readings: Readings, scores, bad, settings) -> dict[str, tuple[str, list]]:
    """Records per patient; {patient: (verdict, reasons)}."""
    verdicts = {patient: ("pass", []) for patient in readings.patients}

    def lower(patient: str, verdict: str, requirement: str, check: str, reason: str) -> None:
        old, reasons = verdicts[patient]
        verdicts[patient] = (max(old, verdict, key=_RANK.get), [*reasons, reason])
        status = "FAIL" if verdict == "fail" or requirement == AGREEMENT else "WARN"
        step.check(requirement, check, status, reason=reason, acts=False, subject=patient)

    for patient, reasons in sorted(bad.items()):
        for reason in reasons:
            lower(patient, "fail", REQUIREMENT, "percentages of one reading", reason)
    for patient, names in sorted(readings.unknown.items()):
        reason = f"unknown marker {', '.join(sorted(names))}; known: {', '.join(readings.markers)}"
        lower(patient, "warn", REQUIREMENT, "marker known", reason)
    # The score of two readers who differ is no measurement: it is left out, the patient's other markers stay.
    for key, reason in disagreements(scores, settings, readings.markers):
        lower(key[0], "warn", AGREEMENT, "two readers agree", reason)
    required = set(settings["required_markers"])
    for patient in sorted(readings.patients):
        missing = sorted(required - {key[2] for key in scores if key[0] == patient})
        step.check(
            REQUIREMENT,
            "required markers present",
            "WARN" if missing else "PASS",
            reason=f"not stained: {', '.join(missing)}" if missing else "",
            acts=False,
            subject=patient,
        )
    return verdicts


def make_table(scores: dict, markers: dict[str, dict], left_out: set[tuple], patients: list[str]):
    """Mean score of the readers: index patient_id, one column per marker (and specimen). Left-out keys are NaN."""
    import pandas as pd

    cells: dict[str, dict[str, float]] = {patient: {} for patient in patients}
    for key, readers in scores.items():
        if key not in left_out and key[0] in cells:
            values = [score for score, _ in readers.values()]
            cells[key[0]][feature_of(markers[key[2]], key[1])] = sum(values) / len(values)
    features = sorted({name for row in cells.values() for name in row})
    table = pd.DataFrame.from_dict(cells, orient="index", dtype=float).reindex(columns=features)
    table.index.name = "patient_id"
    return table


def dictionary_of(markers: dict[str, dict]) -> list[Feature]:
    """Every feature that the step can make; all of them annotation."""
    out = []
    for marker, row in markers.items():
        for specimen in ("tumour", "adjacent", "tissue"):
            index = row["score"] == "index"
            text = f"{'labelling index' if index else 'H-score'} of {marker} ({row['gene']}), {specimen}: {row['meaning']}"
            unit = "%" if index else "0-300"
            out.append(
                Feature(
                    feature_of(row, specimen), text, unit, "annotation", "ihc.tsv, mean of readers"
                )
            )
    return out


def main(job):
    """Import the IHC sheet of the cohort.

    input: sheet; output: table, verdicts, dictionary, status, ledger
    params: settings, allowed (patients whose consent covers IHC)
    """
    settings = job.params.settings
    markers = read_markers()
    with core_job.step(job) as step:
        write_dictionary(step.path(job.output.dictionary), dictionary_of(markers))
        path = job.input.sheet if isinstance(job.input.sheet, str) else job.input.sheet[0]
        rows: list[dict] = []
        try:
            rows = read_sheet(path, "ihc").rows
        except SheetErrors as errors:
            step.defect(
                core_job.InputDefect(
                    "; ".join(map(str, errors.problems[:5])), requirement_id=REQUIREMENT
                )
            )
        readings = Readings(rows, markers, set(job.params.allowed))
        scores, bad = readings.scores()
        with step.block("ihc"):
            verdicts = _check_patients(step, readings, scores, bad, settings)
            _check_cohort(step, cohort_agreement(scores), settings)
        left_out = {key for key, _ in disagreements(scores, settings, markers)}
        kept = sorted(p for p, (verdict, _) in verdicts.items() if verdict != "fail")
        write_block(step.path(job.output.table), make_table(scores, markers, left_out, kept))
        lines = ["\t".join(VERDICT_COLUMNS)]
        for patient, (verdict, reasons) in sorted(verdicts.items()):
            lines.append("\t".join([patient, "ihc", verdict, join_reasons(reasons)]))
        step.path(job.output.verdicts).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
