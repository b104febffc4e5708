"""Flaws of a design of runs that no correction mends, told by the sheets alone, before anything is measured.

In: the plan (admitted runs with batch, order, role; patients with diagnosis and role). Out: flaws, each named by modality and
batch. Source: Broadhurst et al. 2018, Metabolomics 14:72 (QC runs, blanks, order); Leek et al. 2010, Nat Rev Genet 11:733
(a batch that is the outcome).
"""

from dataclasses import dataclass

# Modalities whose batches are corrected with QC runs of their own.
WITH_QC_RUNS = ("lcms", "gcms")
# Who or what measured: one of these must not tell the classes apart.
ACQUIRED_BY = {
    "batch": "batch",
    "equipment_id": "device",
    "operator_id": "operator",
    "reader": "reader",
}
FEWEST = 3  # patients of one batch (device, person) from which its single class says something
FEWEST_IN_ORDER = 4  # patients of each class of a batch whose order is looked at
SHOWN = 4  # runs that a reason names


@dataclass(frozen=True)
class Flaw:
    """One flaw: `subject` is "batch B2" or a block, `check` and `requirement_id` as in the ledger, verdict FAIL or WARN."""

    subject: str
    requirement_id: str
    check: str
    verdict: str
    reason: str


def flaws_of(plan: dict) -> list[Flaw]:
    """Every flaw of the design, in the order of modalities, blocks and batches."""
    out = []
    assays, runs = plan.get("assays", {}), plan.get("runs", {})
    for modality in sorted({*assays, *runs}):
        samples = [row for rows in assays.get(modality, {}).values() for row in rows]
        controls = runs.get(modality, [])
        out += _listed_twice(modality, [*samples, *controls])
        for block in sorted({row["block"] for row in samples}):
            own = [row for row in samples if row["block"] == block]
            if modality in WITH_QC_RUNS:
                beside = [row for row in controls if row["block"] == block]
                out += _flaws_of_batches(modality, block, own, beside)
            out += _flaws_of_classes(block, own, plan["patients"])
    return out


def _some(rows: list[dict]) -> str:
    names = sorted(row["assay_id"] for row in rows)
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _listed_twice(modality: str, rows: list[dict]) -> list[Flaw]:
    """One file of a single run under two names: one injection counts twice."""
    if modality not in (*WITH_QC_RUNS, "dda"):
        return []
    files: dict[str, list[dict]] = {}
    for row in rows:
        if "file" in row and (row.get("sample_role") != "ladder"):
            files.setdefault(row.get("md5") or row["file"], []).append(row)
    return [
        Flaw(
            modality,
            "OMX-06",
            "a run is listed once",
            "FAIL",
            f"{modality}: runs {_some(same)} are one file; give each injection its own",
        )
        for same in files.values()
        if len(same) > 1
    ]


def _flaws_of_batches(
    modality: str, block: str, samples: list[dict], controls: list[dict]
) -> list[Flaw]:
    """QC runs, blanks, ladder and order of each batch that holds samples."""
    out = []
    blanks = any(row["sample_role"] == "blank" for row in controls)
    if modality == "lcms" and not blanks:
        text = f"{block}: no blank run in any batch; compounds of the solvent cannot be told from the sample's"
        out.append(Flaw(block, "EXT-02", "blank runs in the batch", "WARN", text))
    for batch in sorted({row.get("batch", "") for row in samples}):
        own = [row for row in samples if row.get("batch", "") == batch]
        beside = [row for row in controls if row.get("batch", "") == batch]
        name = f"{block} batch {batch}" if batch else f"{block}, runs without a batch"

        def flaw(requirement, check, verdict, what, batch=batch, name=name):
            subject = f"batch {batch}" if batch else block
            out.append(Flaw(subject, requirement, check, verdict, f"{name}: {what}"))

        qcs = [row for row in beside if row["sample_role"] == "qc"]
        if not qcs:
            flaw(
                *("EXT-02", "QC runs in the batch", "FAIL"),
                f"no QC run beside {len(own)} samples; its drift and its level cannot be corrected",
            )
        if modality == "lcms" and blanks and not any(r["sample_role"] == "blank" for r in beside):
            flaw(
                *("EXT-02", "blank runs in the batch", "WARN"),
                "no blank run; compounds of the solvent cannot be told from the sample's",
            )
        if modality == "gcms" and not any(row["sample_role"] == "ladder" for row in beside):
            flaw(
                *("EXT-02", "ladder in the batch", "FAIL"),
                "no ladder (sample_role ladder); without one no compound gets a retention index",
            )
        _flaws_of_order(flaw, [*own, *(r for r in beside if r["sample_role"] != "ladder")], qcs)
    return out


def _flaws_of_order(flaw, runs: list[dict], qcs: list[dict]) -> None:
    """Orders that are missing or stand twice, samples outside the QC runs."""
    without = [row for row in runs if "run_order" not in row]
    if without:
        which = "every run" if len(without) == len(runs) else f"{len(without)} of {len(runs)} runs"
        flaw(
            *("EXT-02", "injection order is known", "WARN"),
            f"{which} without run_order ({_some(without)}); drift over time cannot be corrected",
        )
    orders: dict[int, list[dict]] = {}
    for row in runs:
        if "run_order" in row:
            orders.setdefault(row["run_order"], []).append(row)
    for order, same in sorted(orders.items()):
        if len(same) > 1:
            flaw(
                *("EXT-02", "injection order stands once", "FAIL"),
                f"run_order {order} stands {len(same)} times ({_some(same)}); give each injection its own",
            )
    if qcs and not without:
        first = min(row["run_order"] for row in qcs)
        last = max(row["run_order"] for row in qcs)
        outside = [
            row
            for row in runs
            if row.get("sample_role", "sample") == "sample"
            and not first <= row["run_order"] <= last
        ]
        if len(outside) > 1:
            flaw(
                *("EXT-02", "QC runs at both ends", "WARN"),
                f"{len(outside)} samples before the first or after the last QC run ({_some(outside)})",
            )


def _flaws_of_classes(block: str, samples: list[dict], patients: dict) -> list[Flaw]:
    """Batch, device or person that holds one class only, and batches run class by class; development patients alone."""
    known = [
        row for row in samples if patients.get(row["patient_id"], {}).get("role") == "development"
    ]
    is_case = {p: entry["diagnosis"] == "hcc" for p, entry in patients.items()}
    if len({is_case[row["patient_id"]] for row in known}) < 2:
        return []
    out = []
    for column, word in ACQUIRED_BY.items():
        groups: dict[str, dict[str, bool]] = {}
        for row in known:
            if column in row:
                groups.setdefault(row[column], {})[row["patient_id"]] = is_case[row["patient_id"]]
        out += _single_classes(block, word, groups)
    for batch in sorted({row.get("batch", "") for row in known}):
        own = [row for row in known if row.get("batch", "") == batch and "run_order" in row]
        orders = {
            case: [row["run_order"] for row in own if is_case[row["patient_id"]] is case]
            for case in (True, False)
        }
        if min(map(len, orders.values())) < FEWEST_IN_ORDER:
            continue
        one, other = orders[True], orders[False]
        if max(one) < min(other) or max(other) < min(one):
            name = f"{block} batch {batch}" if batch else block
            out.append(
                Flaw(
                    f"batch {batch}" if batch else block,
                    "OMX-06",
                    "order and diagnosis are mixed",
                    "FAIL",
                    f"{name}: all cases were run on one side of all controls; drift over the batch looks like the disease",
                )
            )
    return out


def _single_classes(block: str, word: str, groups: dict[str, dict[str, bool]]) -> list[Flaw]:
    """Groups of one class: FAIL where no group has both, WARN for single ones among mixed groups."""
    if len(groups) < 2:
        return []
    mixed = [name for name, people in groups.items() if len(set(people.values())) == 2]
    single = [
        name
        for name, people in groups.items()
        if name not in mixed and (len(people) >= FEWEST or not mixed)
    ]
    check = f"{word} and diagnosis are mixed"
    if not mixed:
        text = f"{block}: every {word} holds one class only; its effect cannot be told from the disease, nor corrected"
        enough = sum(len(people) for people in groups.values()) >= 2 * FEWEST
        return [Flaw(block, "OMX-06", check, "FAIL" if enough else "WARN", text)]
    return [
        Flaw(
            f"batch {name}" if word == "batch" else block,
            "OMX-06",
            check,
            "WARN",
            f"{block}: {word} {name} holds {len(groups[name])} patients of one class only",
        )
        for name in sorted(single)
    ]


def lines_of(flaws: list[Flaw], most: int = 20) -> list[str]:
    """Flaws as lines for the terminal."""
    lines = [
        f"Design, {flaw.requirement_id} {flaw.verdict}: {flaw.reason}" for flaw in flaws[:most]
    ]
    if len(flaws) > most:
        lines.append(f"Design: {len(flaws) - most} more in results/clinical/validation.tsv")
    return lines
