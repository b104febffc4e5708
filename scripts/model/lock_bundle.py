"""In: results/model/fit. Out: bundles/<content hash>/, a line in locks/bundles.tsv,
locks/bundle.json.
Source: docs/modelling.md, "Lock". A lock is never overwritten: relock_bundle adds a version beside it.
"""

import datetime
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.hashing import ROOT
from scripts.model import bundle
from scripts.model.evaluation import NOT_ASSESSED
from scripts.model.references import copy_references

LOG_COLUMNS = ["bundle", "locked_at", "version", "git", "reason"]


def git_commit(root: Path) -> str:
    """The commit that is checked out, "" where there is no git folder."""
    head = root / ".git" / "HEAD"
    if not head.is_file():
        return ""
    text = head.read_text().strip()
    if not text.startswith("ref: "):
        return text[:12]
    named = root / ".git" / text.removeprefix("ref: ")
    return named.read_text().strip()[:12] if named.is_file() else ""


def append_line(path: Path, columns: list[str], line: dict) -> None:
    """Append one line to a TSV; the header is written with the first line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "" if path.exists() else "\t".join(columns) + "\n"
    with open(path, "a", encoding="utf-8") as handle:
        handle.write(text + "\t".join(str(line[c]) for c in columns) + "\n")


def keep(fit: Path, bundles: Path, chains: dict | None = None) -> str:
    """Copy a fit, with the references of its blocks, to bundles/<content hash>/ (atomic; the same content is kept once).

    chains : see `references.copy_references`. Returns the hash.
    """
    _, description = bundle.load_bundle(fit)

    def fill(folder: Path) -> None:
        shutil.copytree(fit, folder, ignore=shutil.ignore_patterns(bundle.MARK), dirs_exist_ok=True)
        if chains:
            used = {entry["block"] for entry in description["features"]}
            copy_references(folder, chains, used)

    return store(bundles, fill)


def store(bundles: Path, fill: Callable[[Path], None]) -> str:
    """Fill a folder with a bundle, name it by its content hash and move it to `bundles`; returns the hash."""
    bundles.mkdir(parents=True, exist_ok=True)
    temporary = bundles / f".tmp{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        fill(temporary)
        name = bundle.write_sums(temporary)
        if (bundles / name).exists():
            bundle.verify(bundles / name)
        else:
            os.replace(temporary, bundles / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return name


def line_of(name: str, now: str, reason: str) -> dict:
    """A line of locks/bundles.tsv."""
    return {
        "bundle": name,
        "locked_at": now,
        "version": __version__,
        "git": git_commit(ROOT),
        "reason": reason.replace("\t", " ").replace("\n", " "),
    }


def main(job):
    """Lock the fit.

    input: fit (directory), references (files that new raw data are measured against)
    output: lock (locks/bundle.json) and ledger; relock_bundle declares neither and gives params.lock
    params: bundles, log (locks/bundles.tsv), lock, relock (bool), reason, chains (see references.copy_references)
    """
    with core_job.step(job) as step:
        fit, params = Path(job.input.fit), job.params
        described = json.loads((fit / "bundle.json").read_text(encoding="utf-8"))
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        reason = str(params.reason).strip() or "first lock"
        if params.relock and not str(params.reason).strip():
            raise ValueError(
                "relock_bundle needs a reason for the change log: "
                "--config model='{relock_reason: one sentence}'"
            )
        if described["status"] == NOT_ASSESSED:
            lock = {"bundle": None, "locked_at": None, "reason": described["reason"]}
        else:
            name = keep(fit, Path(params.bundles), dict(getattr(params, "chains", {})))
            append_line(Path(params.log), LOG_COLUMNS, line_of(name, now, reason))
            lock = {"bundle": name, "locked_at": now, "reason": reason}
        step.check(
            "MOD-10",
            "bundle locked",
            "PASS" if lock["bundle"] else NOT_ASSESSED,
            value=lock["bundle"] or "",
            evidence=lock["bundle"] or "",
            reason="" if lock["bundle"] else lock["reason"],
            acts=False,
        )
        text = json.dumps(lock, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(params.lock).write_text(text, encoding="utf-8")
        step.log.info("locked %s", lock["bundle"])


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
