"""In: results/model/fit. Out: bundles/<content hash>/, a line in locks/bundles.tsv,
locks/bundle.json.
Source: docs/modelling.md, "Lock". A lock is never overwritten: relock_bundle adds a version beside it.
"""

import datetime
import json
import os
import shutil
from pathlib import Path

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.hashing import ROOT
from scripts.model import bundle
from scripts.model.evaluation import NOT_ASSESSED

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


def keep(fit: Path, bundles: Path) -> str:
    """Copy a fit to bundles/<content hash>/ (atomic; the same content is kept once) and return the hash."""
    bundle.load_bundle(fit)
    name = bundle.content_hash(fit)
    target = bundles / name
    if target.exists():
        bundle.verify(target)
        return name
    bundles.mkdir(parents=True, exist_ok=True)
    temporary = bundles / f".tmp{os.getpid()}.{name}"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(fit, temporary, ignore=shutil.ignore_patterns(bundle.MARK))
    os.replace(temporary, target)
    return name


def main(job):
    """Lock the fit.

    input: fit (directory)
    output: lock (locks/bundle.json) and ledger; relock_bundle declares neither and gives params.lock
    params: bundles, log (locks/bundles.tsv), lock, relock (bool), reason
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
            name = keep(fit, Path(params.bundles))
            line = {
                "bundle": name,
                "locked_at": now,
                "version": __version__,
                "git": git_commit(ROOT),
                "reason": reason.replace("\t", " ").replace("\n", " "),
            }
            append_line(Path(params.log), LOG_COLUMNS, line)
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
