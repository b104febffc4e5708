"""Withdrawal of the base consent: what a run folder holds of these people is listed, then deleted; a count stays.

In: the patients who withdrew, today's sheets, what was frozen at the last start. Out: a run folder that does not name them, a
line in locks/withdrawals.tsv, questions about locked models in locks/bundle_withdrawals.tsv. Source: requirement ETH-06;
docs/architecture.md, "Withdrawal".
"""

import csv
import datetime
import functools
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

from scripts.core import traces
from scripts.core.atomic_file import write_atomically
from scripts.core.hashing import digest_of, person_hash
from scripts.core.names import names_of
from scripts.core.sheets import allows

LOG = Path("locks/withdrawals.tsv")
BUNDLES = Path("locks/bundle_withdrawals.tsv")
SPLIT = Path("locks/split.tsv")
# What a deletion that has begun will leave in LOG and BUNDLES; no ids.
PENDING = Path(".hcc/withdrawal.json")
LOG_COLUMNS = ["date", "subjects", "files", "log_files"]
BUNDLE_COLUMNS = ["bundle", "date", "subjects", "decision"]
DECISIONS = ("keep", "retrain")
SHOWN = 12


def redacted(gone: set[str], files: dict[str, Path], digests: dict, cache: dict, folder: Path):
    """(strip, {sheet: digest}) of the sheets without the rows of `gone`: strip takes the name and the bytes of a sheet.

    `digests` are those of the sheets as they are; `cache` keeps the outcome as long as nothing changes.
    """
    if not gone:
        return (lambda name, data: data), digests

    @functools.cache
    def names():
        return names_of(gone, [folder], {})

    def strip(name: str, data: bytes) -> bytes:
        return names().without_rows(data, functools.partial(allows, name))

    key = digest_of([digests, sorted(gone), "masks 3"])
    if cache.get("redacted", {}).get("key") != key:
        found = {}
        for name, path in files.items():
            data = path.read_bytes()
            kept = strip(name, data)
            found[name] = digests[name] if kept == data else hashlib.sha256(kept).hexdigest()[:16]
        cache["redacted"] = {"key": key, "digests": found}
    return strip, dict(cache["redacted"]["digests"])


def left_behind(gone: set[str], frozen: Path, plan: dict) -> set[str]:
    """Those of `gone` of whom the run folder may still hold something: seen at the last start, in the split, or in a folder."""
    seen = {row["patient_id"] for row in plan.get("refused", [])} | set(plan.get("patients", {}))
    if not gone:
        return set()
    seen |= {row["patient_id"] for row in read_lines(frozen / "patients.tsv")}
    seen |= {row[column] for row in read_lines(SPLIT) for column in ("patient_id", "group")}
    places = [f for f in ("results", "logs", "benchmarks") if Path(f).is_dir()]
    for patient in gone - seen:
        patterns = (f"*/{patient}", f"*/*/{patient}", f"*/*/*/{patient}", f"*/{patient}.*")
        if any(next(Path(f).glob(p), None) for f in places for p in patterns):
            seen.add(patient)
    return gone & seen


def forget(gone: set[str], folder: Path, frozen: Path, plan: Path, *, delete: bool) -> bool:
    """List what the current run folder holds of these people on stderr, and with `delete` delete it.

    Must run before plan and sheets are frozen anew: they say who was there. Returns whether there was anything.
    """
    before = json.loads(plan.read_text(encoding="utf-8")) if gone and plan.is_file() else {}
    seen = left_behind(gone, frozen, before)
    if not seen:
        return False
    names = names_of(seen, [folder, frozen], before)
    # Ids in the frozen sheets say what was made from them; the sheets themselves are frozen anew without them.
    found, records = traces.find(names, sorted(frozen.rglob("*.tsv")))
    split = [row for row in read_lines(SPLIT) if row["patient_id"] in seen]
    files = found.files()
    bundles = bundles_with(seen)
    _tell(seen, files, found.logs, len(split), bundles, delete)
    there = bool(files or found.logs or found.outputs or split or PENDING.is_file())
    if not delete or not there:
        return there
    _promise(len(seen), len(files), len(found.logs), bundles)
    traces.remove(found, records, names)
    forget_split(seen)
    _keep_promise()
    return True


def _promise(subjects: int, files: int, logs: int, bundles: dict[str, int]) -> None:
    """Write down the count and the questions before anything is deleted: after a crash nobody can count any more."""
    before = json.loads(PENDING.read_text(encoding="utf-8")) if PENDING.is_file() else {}
    line = {"date": datetime.date.today().isoformat(), "subjects": subjects}
    line |= {"files": files, "log_files": logs}
    if before:  # what was deleted before the crash counts too
        line |= {c: max(line[c], before["line"][c]) for c in LOG_COLUMNS[1:]}
    value = {"line": line, "bundles": before.get("bundles", {}) | bundles}
    _write_pending(value | {"done": before.get("done", 0)})


def _write_pending(value: dict) -> None:
    write_atomically(PENDING, json.dumps(value) + "\n")


def _keep_promise() -> None:
    """Write the count and the questions, each once, also when a crash came between them."""
    promised = json.loads(PENDING.read_text(encoding="utf-8"))
    line = promised["line"]
    lines = [(LOG, LOG_COLUMNS, line)]
    for bundle, subjects in promised["bundles"].items():
        question = {"bundle": bundle, "date": line["date"], "subjects": subjects}
        lines.append((BUNDLES, BUNDLE_COLUMNS, question | {"decision": "open"}))
    done = promised["done"]
    for number, (path, columns, row) in enumerate(lines[done:], start=done + 1):
        append(path, columns, row)
        _write_pending(promised | {"done": number})
    PENDING.unlink()


def _tell(seen: set[str], files: list, logs: list, split: int, bundles: dict, delete: bool) -> None:
    what = "is deleted now" if delete else "a real run would delete"
    lines = [
        f"Consent withdrawn by {len(seen)} patients ({', '.join(sorted(seen))}). Of them {what}:"
    ]
    folders = Counter("/".join(path.parts[:3][:-1]) or str(path) for path in files)
    lines += [f"  {n} files below {folder}/" for folder, n in sorted(folders.items())]
    lines += [f"    {path}" for path in files[:SHOWN]]
    lines += [f"    ... and {len(files) - SHOWN} more files"] if len(files) > SHOWN else []
    lines += [f"  their lines in {len(logs)} logs"] if logs else []
    lines += [f"  {split} lines of {SPLIT}"] if split else []
    lines += [
        f"  Locked model {bundle} was trained on {n} of them: decide whether it is kept (on which legal ground) or trained "
        f"again: snakemake decide_withdrawal --config withdrawal='{{bundle: {bundle}, decision: keep, ground: why}}' ({BUNDLES})"
        for bundle, n in bundles.items()
    ]
    lines.append(
        "What was made together with other patients' data is deleted with them and made again."
    )
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def bundles_with(patients: set[str]) -> dict[str, int]:
    """{locked bundle: how many of these patients it was trained on}; bundles know people by a hash only."""
    hashes = {person_hash(patient) for patient in patients}
    found = {}
    for path in sorted(Path("bundles").glob("*/bundle.json")):
        described = json.loads(path.read_text(encoding="utf-8"))
        learned = [described.get("training", {}), *described.get("recalibration", {}).values()]
        trained = len(hashes & {person for part in learned for person in part.get("persons", [])})
        if trained:
            found[path.parent.name] = trained
    return found


def decision_of(path: Path, bundle: str) -> str:
    """What was decided about a bundle whose training subjects withdrew: "" (nobody did), open, keep or retrain.

    Each line counts for itself: a bundle is open while one of its questions is, and to be trained again once one says so.
    """
    said = [
        row["decision"].strip() or "open" for row in read_lines(path) if row["bundle"] == bundle
    ]
    for decision in ("retrain", "open"):
        if any(text.startswith(decision) for text in said):
            return decision
    return "keep" if said else ""


def forget_split(patients: set[str]) -> None:
    """Take patients out of the frozen split; nobody else moves. A group that bore a leaver's id gets the next member's."""
    rows = read_lines(SPLIT)
    kept = [row for row in rows if row["patient_id"] not in patients]
    if len(kept) == len(rows):
        return
    renamed: dict[str, str] = {}
    for row in sorted(kept, key=lambda row: row["patient_id"]):
        if row["group"] in patients:
            renamed.setdefault(row["group"], row["patient_id"])
    for row in kept:
        row["group"] = renamed.get(row["group"], row["group"])
    columns = list(rows[0])
    text = "".join(
        "\t".join(line) + "\n" for line in [columns, *([r[c] for c in columns] for r in kept)]
    )
    write_atomically(SPLIT, text)


def read_lines(path: Path) -> list[dict[str, str]]:
    """Rows of a plain TSV (ids are ASCII in any encoding); [] when there is none."""
    if not path.is_file():
        return []
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def append(path: Path, columns: list[str], line: dict) -> None:
    """Append one line to a TSV under locks/; the header comes with the first line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "" if path.exists() else "\t".join(columns) + "\n"
    with open(path, "a", encoding="utf-8") as handle:
        handle.write(text + "\t".join(str(line[column]) for column in columns) + "\n")


def deleted() -> dict[str, int]:
    """How many people's data were deleted so far, and how many files: {"subjects", "files"}."""
    rows = read_lines(LOG)
    return {key: sum(int(row[key]) for row in rows) for key in ("subjects", "files")}
