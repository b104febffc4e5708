"""In: patients sheet, classes of the outcome, the patients that may enter, the frozen split if there is one.
Out: locks/split.tsv (written once, later patients appended, nobody moves) and its copy of today.
Source: docs/modelling.md, "Split"; requirements MOD-06 and MOD-09.
"""

import hashlib
from collections import Counter
from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.core.atomic_file import write_atomically
from scripts.core.linked_people import SAME_PERSON, groups_of
from scripts.fusion import blocks
from scripts.fusion.blocks import read_tsv

SPLIT_COLUMNS = ["patient_id", "group", "stratum", "part"]
PARTS = ("train", "test")
CLASS_OFF = 0.05  # share of a class's patients by which its test part may be off (project default)
CONFLICT = "excluded"  # linked to people on both sides: belongs to neither


def digest(seed: int, text: str) -> str:
    """A hash that orders groups at random but the same on every machine."""
    return hashlib.sha256(f"{seed}:{text}".encode()).hexdigest()


def groups_among(patients: pd.DataFrame, members: set[str]) -> dict[str, str]:
    """`groups_of` the whole sheet, of these patients only: a link over somebody who is none of them counts too.

    The group is named after its first patient among them.
    """
    first: dict[str, str] = {}
    rows = patients.fillna("").to_dict("records")
    found = {p: group for p, group in groups_of(rows).items() if p in members}
    return {patient: first.setdefault(group, patient) for patient, group in found.items()}


def strata_of(patients: pd.DataFrame, groups: dict[str, str], columns: list[str]) -> dict[str, str]:
    """{group: stratum}, e.g. "hcc|C1": that of the patient whom the group is named after.

    patients : rows of the sheet with the column class (of the outcome)
    """
    table = patients.set_index("patient_id").fillna("")
    table["label"] = table["class"].str.replace("|", "/", regex=False)
    known = [column for column in columns if column in table]
    return {
        group: "|".join(str(table.loc[group, column]) for column in known) or "all"
        for group in sorted(set(groups.values()))
    }


def assign(
    frozen: pd.DataFrame,
    groups: dict[str, str],
    strata: dict[str, str],
    test_fraction: float,
    seed: int,
) -> tuple[pd.DataFrame, list[str]]:
    """Frozen lines plus lines for the patients that they lack.

    New groups come in the order of their hash, stratum by stratum; each goes where it keeps the
    test share of its stratum, and of its label over all strata, closest to `test_fraction`. In a
    stratum too small for a test patient of its own (one patient a centre) the label decides first.
    Returns the table and the patients who link people on both sides.
    """
    part_of = dict(zip(frozen["patient_id"], frozen["part"], strict=True))
    counts: dict[str, list[int]] = {}

    def count(stratum: str, part: str) -> None:
        for key in (stratum, "label " + stratum.split("|")[0]):
            tally = counts.setdefault(key, [0, 0])
            tally[0] += part == "test"
            tally[1] += 1

    for line in frozen.to_dict("records"):
        count(line["stratum"], line["part"])
    members: dict[str, list[str]] = {}
    for patient, group in sorted(groups.items()):
        members.setdefault(group, []).append(patient)
    sizes = Counter(frozen["stratum"])
    sizes.update(strata[group] for p, group in groups.items() if p not in part_of)
    lines, conflicts = [], []
    for group in sorted(members, key=lambda g: (strata[g], digest(seed, g))):
        new = [patient for patient in members[group] if patient not in part_of]
        sides = {part_of[p] for p in members[group] if p in part_of} - {CONFLICT}
        if not new:
            continue
        if len(sides) == 2:
            part = CONFLICT
            conflicts += new
        elif sides:
            part = sides.pop()
        else:
            small = sizes[strata[group]] * test_fraction < 1
            part = _side(counts, strata[group], len(new), test_fraction, small)
        for patient in new:
            count(strata[group], part)
            lines.append([patient, group, strata[group], part])
    added = pd.DataFrame(lines, columns=SPLIT_COLUMNS, dtype=str)
    return pd.concat([frozen, added], ignore_index=True), conflicts


def _side(counts: dict, stratum: str, size: int, test_fraction: float, small: bool) -> str:
    """The side that leaves the stratum nearer its share; a tie is broken by the label's share.

    small : the other way round, the label's share first
    """

    def miss(key: str, test: int) -> float:
        have, total = counts.get(key, [0, 0])
        return abs(have + test - test_fraction * (total + size))

    keys = (stratum, "label " + stratum.split("|")[0])[:: -1 if small else 1]
    as_test = [round(miss(key, size), 9) for key in keys]
    as_train = [round(miss(key, 0), 9) for key in keys]
    return "test" if as_test < as_train else "train"


def read_frozen(path: Path) -> pd.DataFrame:
    """The frozen split, or an empty table when there is none yet."""
    return read_tsv(path) if path.exists() else pd.DataFrame(columns=SPLIT_COLUMNS, dtype=str)


def write_frozen(path: Path, table: pd.DataFrame) -> None:
    """Replace the frozen split by a longer one; refuses to lose or change a line that is there."""
    before = read_frozen(path)
    if not table.head(len(before)).reset_index(drop=True).equals(before):
        raise ValueError(f"{path} would lose or change lines; nothing was written")
    if len(before) == len(table) and path.exists():
        return
    write_atomically(path, table.to_csv(sep="\t", index=False, lineterminator="\n"))


def split_across(table: pd.DataFrame, groups: dict[str, str]) -> list[str]:
    """Groups of linked patients that stand on both sides (linked only after the freeze)."""
    part_of = dict(zip(table["patient_id"], table["part"], strict=True))
    sides: dict[str, set[str]] = {}
    for patient, group in groups.items():
        sides.setdefault(group, set()).add(part_of[patient])
    return sorted(g for g, parts in sides.items() if set(PARTS) <= parts)


def share_problem(today: pd.DataFrame, target: float) -> tuple[float, str]:
    """Patients by which the worst stratum is off its share of the test part, and what is wrong, "" when nothing is.

    A class may be off by more than a stratum, since every stratum is rounded: by CLASS_OFF of its patients.
    """
    sides = today[today["part"] != CONFLICT]
    label = sides["stratum"].str.split("|").str[0]
    largest, problem = 0.0, ""
    for kind, keys in (("class", label), ("stratum", sides["stratum"])):
        for name, part in sides["part"].groupby(keys):
            off = float(abs((part == "test").sum() - target * len(part)))
            if off > max(1.0, CLASS_OFF * len(part) if kind == "class" else 0.0):
                problem = f"{kind} {name} is {off:.1f} patients off its share of {target:g}"
            largest = max(largest, off) if kind == "stratum" else largest
    if target and len(sides) and not (sides["part"] == "test").any():
        problem = f"no test patient among {len(sides)}, wanted is a share of {target:g}"
    return largest, problem


def _record(step, job, today: pd.DataFrame, conflicts: list[str], across: list[str]) -> None:
    target = float(job.params.settings["test_fraction"])
    off, problem = share_problem(today, target)
    held_out = (today["part"] == "test").any()
    if not target and not held_out:
        problem = "no test part: fusion.split.test_fraction is 0, all patients are cross-validated"
    step.check(
        "MOD-06",
        "fixed share of test patients in every stratum and class",
        "WARN" if problem and target else "NOT_ASSESSED" if not held_out else "PASS",
        value=off,
        unit="patients",
        threshold="<= 1 per stratum and class",
        evidence=hashlib.sha256(
            "\n".join(today["patient_id"] + today["part"]).encode()
        ).hexdigest(),
        reason=problem,
    )
    found = [*across, *conflicts]
    step.check(
        "MOD-09",
        "linked patients on one side",
        "FAIL" if across else "WARN" if conflicts else "PASS",
        value=len(found),
        threshold="0 groups on both sides",
        reason=f"linked after the freeze: {', '.join(found)}" if found else "",
        acts=not across,
    )


def _record_identity(step, patients: pd.DataFrame) -> None:
    """MOD-09: who carries an identifier; of the others nobody can tell whether they are one person with somebody else."""
    columns = [name for name in SAME_PERSON if name in patients]
    known = int((patients[columns].fillna("") != "").any(axis=1).sum()) if columns else 0
    text = f"{known} of {len(patients)} patients carry {', '.join(SAME_PERSON)}"
    step.check(
        "MOD-09",
        "patients carry an identifier",
        "NOT_ASSESSED" if not known else "WARN" if known < len(patients) else "PASS",
        value=known,
        unit="patients",
        reason=text if known < len(patients) or not known else "",
        acts=False,
    )


def main(job):
    """Freeze or extend the split.

    input: patients (the sheet), outcome (outcome.tsv): who is in no class stands on no side
    output: split (patient_id, group, stratum, part of today's patients), status, ledger
    params: settings (fusion.split), admitted (list of patient_id), seed, frozen (locks/split.tsv), freeze (False while the
            cohort is too small for a model: today's split is shown, another share of test patients may still be set)
    """
    with core_job.step(job) as step:
        sheets = [job.input.patients] if isinstance(job.input.patients, str) else job.input.patients
        patients = read_tsv(sheets[0])
        classes = blocks.read_classes(job.input.outcome)
        admitted = set(job.params.admitted) & set(classes.index)
        groups = groups_among(patients, admitted)
        patients = patients[patients["patient_id"].isin(groups)]
        patients = patients.assign(**{"class": patients["patient_id"].map(classes)})
        settings, seed = job.params.settings, int(job.params.seed)
        path = Path(job.params.frozen)
        frozen = read_frozen(path)
        strata = strata_of(patients, groups, list(settings["stratify"]))
        table, conflicts = assign(frozen, groups, strata, float(settings["test_fraction"]), seed)
        if job.params.freeze or path.exists():
            write_frozen(path, table)
        today = table[table["patient_id"].isin(groups)].sort_values("patient_id")
        today = today.assign(group=today["patient_id"].map(groups))
        _record(step, job, today, conflicts, split_across(today, groups))
        _record_identity(step, patients)
        step.log.info("%d patients, %d of them new", len(today), len(table) - len(frozen))
        today.to_csv(step.path(job.output.split), sep="\t", index=False, lineterminator="\n")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
