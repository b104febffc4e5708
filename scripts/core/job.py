"""The frame of every step: log, seed, threads, atomic outputs, QC records, verdict.

In: a Snakemake job object, or the command line. Out: the declared outputs, all or none; exit code
0, 1 (program error)
or 2 (defect of the input, by hand only). Source: docs/architecture.md, "A step".
"""

import contextlib
import datetime
import json
import logging
import math
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from scripts import __version__
from scripts.core.command_line import Named as Named
from scripts.core.command_line import job_from_command_line
from scripts.core.features import join_reasons, read_status
from scripts.core.hashing import digest_of_file
from scripts.core.ledger import Record, write_records
from scripts.core.parentage import is_orphan, line_to_snakemake

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
_WARNINGS = logging.getLogger("py.warnings")  # the name that logging.captureWarnings uses
_RANK = {"pass": 0, "warn": 1, "fail": 2}
_VERDICT_OF_STATUS = {"FAIL": "fail", "WARN": "warn"}


class InputDefect(Exception):
    """A defect of the input. It becomes a verdict `fail` with this one plain reason; it is never a
    crash.

    The message says what is wrong and what to do, and names the assay, not a raw path.
    """

    def __init__(
        self,
        reason: str,
        *,
        requirement_id: str = "",
        check: str = "input readable",
        evidence: str = "",
    ):
        super().__init__(reason)
        self.reason = reason
        self.requirement_id = requirement_id
        self.check = check
        self.evidence = evidence


class UpstreamDefect(InputDefect):
    """The step before this one already found the defect; the reason is handed on, not recorded
    twice."""


class Refused(Exception):
    """What was asked for cannot be done: one plain message, exit code 1, no outputs. Not a program error.

    For commands that a person gives (predict, recalibrate ...), where a verdict in a table would go unread.
    """


class Step:
    """What a step may use while it runs: see `step`."""

    def __init__(self, job, log: logging.Logger):
        self.job = job
        self.log = log
        self.rule = job.rule
        self.subject = _subject(job)
        self.records: list[Record] = []
        self.blocks: dict[str, dict] = {}
        self.verdict = "pass"
        self.reasons: list[str] = []
        self._temporary: dict[str, Path] = {}
        self._block = ""
        self._parents = () if getattr(job, "by_hand", False) else line_to_snakemake()

    def path(self, final: str | Path) -> Path:
        """A temporary name beside `final` (same suffixes); moved to `final` when the step ends
        well."""
        final = Path(final)
        if str(final) not in self._temporary:
            final.parent.mkdir(parents=True, exist_ok=True)
            self._temporary[str(final)] = final.with_name(f".tmp{os.getpid()}.{final.name}")
        return self._temporary[str(final)]

    def check(
        self,
        requirement_id: str,
        check: str,
        verdict: str,
        *,
        value=None,
        unit: str = "",
        threshold: str = "",
        evidence: str = "",
        reason: str = "",
        acts: bool = True,
        subject: str = "",
    ) -> None:
        """Record one check. FAIL makes the block's verdict `fail`, WARN `warn`; with `acts=False`
        it is a record only."""
        value = _plain_value(value)
        self.records.append(
            Record(
                requirement_id=requirement_id,
                subject=subject or self.subject,
                check=check,
                value=value,
                unit=unit,
                threshold=threshold,
                verdict=verdict,
                evidence=evidence,
                step=self.rule,
                version=__version__,
                time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                block=self._block or str(getattr(self.job.wildcards, "block", "")),
                reason=reason,
            )
        )
        if acts and verdict in _VERDICT_OF_STATUS:
            shown = f"{value} {unit}".strip() if value is not None else ""
            text = reason or f"{check}: {shown} (required: {threshold})"
            self._lower(_VERDICT_OF_STATUS[verdict], text)

    def _lower(self, verdict: str, reason: str) -> None:
        target = self.blocks[self._block] if self._block else None
        if target is not None:
            target["verdict"] = max(target["verdict"], verdict, key=_RANK.get)
            target["reasons"].append(reason)
        else:
            self.verdict = max(self.verdict, verdict, key=_RANK.get)
            self.reasons.append(reason)
        self.log.warning("%s: %s", verdict, reason)

    @contextlib.contextmanager
    def block(self, name: str):
        """Work on one block of a step that makes several: a defect inside fails this block, the
        others go on."""
        self.blocks.setdefault(name, {"verdict": "pass", "reasons": []})
        self._block = name
        try:
            yield
        except InputDefect as defect:
            self.defect(defect)
        finally:
            self._block = ""

    def defect(self, defect: InputDefect) -> None:
        """Record an input defect as FAIL and lower the verdict."""
        if isinstance(defect, UpstreamDefect):
            self._lower("fail", defect.reason)
        else:
            self.check(
                defect.requirement_id,
                defect.check,
                "FAIL",
                reason=defect.reason,
                evidence=defect.evidence,
            )

    def require(self, status: str | Path, block: str = "") -> None:
        """Raise UpstreamDefect when the step that wrote `status` failed; hand its warnings on.

        With `block`, only that block of the earlier step counts.
        """
        verdict, reasons = read_status(status, block)
        if verdict == "fail":
            raise UpstreamDefect(join_reasons(reasons))
        for reason in reasons:
            self._lower(verdict, reason)

    def require_md5(self) -> None:
        """Raise InputDefect when a raw file is not the one whose MD5 stands in assays.tsv.

        The parameter `md5` of the rule is a list of [assay_id, path, md5]; without it there is nothing to compare.
        """
        for assay, path, md5 in getattr(self.job.params, "md5", ()):
            if not Path(path).is_file() or digest_of_file(path, "md5") != md5:
                text = f"{Path(path).name} is not the file whose md5 stands in assays.tsv; copy it again"
                raise InputDefect(text, check="file is that of the sheet", evidence=assay)

    @property
    def failed(self) -> bool:
        """Whether nothing of this step may be used."""
        if self.verdict == "fail":
            return True
        return bool(self.blocks) and all(b["verdict"] == "fail" for b in self.blocks.values())

    def _status(self) -> dict:
        return {
            "subject": self.subject,
            "verdict": "fail" if self.failed else self.verdict,
            "reasons": self.reasons,
            "blocks": self.blocks,
        }

    def _write_records(self) -> None:
        for name in ("status", "ledger"):
            final = getattr(self.job.output, name, None)
            if final is None:
                continue
            if name == "status":
                text = (
                    json.dumps(self._status(), ensure_ascii=False, sort_keys=True, indent=1) + "\n"
                )
                self.path(final).write_text(text, encoding="utf-8")
            else:
                write_records(self.path(final), self.records)

    def _write_empty_outputs(self) -> None:
        """After a defect: every declared output that the step did not finish exists and is
        empty."""
        directories = set(getattr(self.job, "directories", ()))
        for final in map(str, self.job.output):
            if final in (
                getattr(self.job.output, "status", None),
                getattr(self.job.output, "ledger", None),
            ):
                continue
            temporary = self.path(final)
            _remove(temporary)
            if final in directories or not Path(final).suffix:
                temporary.mkdir(parents=True)
            else:
                temporary.touch()

    def _publish(self) -> None:
        if is_orphan(self._parents):
            raise ChildProcessError("Snakemake is gone; the next start makes these outputs anew")
        for final, temporary in self._temporary.items():
            if temporary.exists():
                if Path(final).is_dir() and not Path(final).is_symlink():
                    shutil.rmtree(final)
                os.replace(temporary, final)

    def _discard(self) -> None:
        for temporary in self._temporary.values():
            _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _plain_value(value):
    """A value as a ledger holds it: numpy scalars as Python's, six decimals, NaN and infinity as None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _subject(job) -> str:
    for name in ("subject", "patient", "run", "reference", "repeat"):
        value = getattr(job.wildcards, name, None)
        if value:
            return str(value)
    return "cohort"


def _logger(job, path: str | None) -> logging.Logger:
    logger = logging.getLogger(f"hcc.{job.rule}")
    logger.handlers.clear()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(sys.stderr)
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    if path:  # warnings of libraries belong into the log, not on the terminal
        logging.captureWarnings(True)
        _WARNINGS.propagate = False
        _WARNINGS.addHandler(handler)
    return logger


def _close(logger: logging.Logger) -> None:
    for handler in list(logger.handlers):
        handler.close()
        logger.removeHandler(handler)
        _WARNINGS.removeHandler(handler)
    logging.captureWarnings(False)
    _WARNINGS.propagate = True


def _empty(log: logging.Logger) -> None:
    """Take what was logged so far out of the log file."""
    for handler in log.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.acquire()
            handler.stream.seek(0)
            handler.stream.truncate()
            handler.release()


def _peak_memory_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _parameters(job) -> dict:
    return {key: value for key, value in vars(job.params).items() if not key.startswith("_")}


@contextlib.contextmanager
def step(job, seed: int | None = None):
    """Run the body as one step of `job`.

    - log: parameters, time, peak memory, traceback of a program error;
    - `seed` (default: the param `seed`, else 0) for random and, if loaded, numpy;
    - thread limits for OpenMP, BLAS and ITK equal to the job's threads;
    - outputs written under `Step.path(...)` are moved into place together at the end, or not at
    all;
    - an InputDefect ends the step with empty outputs, verdict `fail`, one FAIL record; `exit 2` by
    hand.
    """
    threads = str(max(1, int(getattr(job, "threads", 1) or 1)))
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = threads
    log_path = str(job.log[0]) if job.log else None
    log = _logger(job, log_path)
    seed = int(seed if seed is not None else getattr(job.params, "seed", 0) or 0)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    current = Step(job, log)
    started = time.monotonic()
    log.info("%s, subject %s, hcc-omics %s", job.rule, current.subject, __version__)
    log.info("parameters %s", _parameters(job))
    allowed = [getattr(getattr(job, "resources", None), name, 0) for name in ("mem_mb", "runtime")]
    if all(allowed):
        log.info("may use %s MB and %s min", *allowed)
    ended = "took"
    try:
        try:
            yield current
        except InputDefect as defect:
            current.defect(defect)
            current._write_empty_outputs()
        current._write_records()
        current._publish()
    except (
        KeyboardInterrupt
    ):  # also SIGTERM: for whoever reads the log this step did not come to its end
        ended = "interrupted after"
        raise
    except Exception as error:
        plain = isinstance(error, Refused)
        said = str(error) if plain else f"{type(error).__name__}: {error}"
        if plain:  # Snakemake prints the log of a failed job: no parameters, which name everybody
            _empty(log)
        log.error("%s", said if plain else traceback.format_exc())
        where = f" (log: {log_path})" if log_path else ""
        sys.stderr.write(f"{job.rule} {current.subject}: {said}{where}\n")
        raise SystemExit(1) from error
    finally:
        current._discard()
        seconds = time.monotonic() - started
        log.info("%s %.1f s, peak memory %.0f MB", ended, seconds, _peak_memory_mb())
        _close(log)
    if current.failed and getattr(job, "by_hand", False):
        reasons = current.reasons + [
            reason for b in current.blocks.values() for reason in b["reasons"]
        ]
        sys.stderr.write(f"{job.rule} {current.subject}: {'; '.join(reasons)}\n")
        raise SystemExit(2)


def entry(main, snakemake=None) -> None:
    """Run `main(job)` under Snakemake (`snakemake` is its job object) or from the command line
    (None). Ctrl-C and SIGTERM end it without a traceback and without temporary files, with exit code 130."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main(snakemake if snakemake is not None else job_from_command_line(main))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
