"""Stub runs: the same jobs with every step replaced by an instant stand-in, to measure scheduling and to try out a cluster.

In: the parsed workflow, config key `stub`. Out: outputs that hold a sign and no data; a run folder that is marked for good,
so that no stub is ever taken for a result. Source: docs/architecture.md, "Stub runs".
"""

from pathlib import Path

MARK = Path(".hcc/stub")
SIGN = Path("results/STUB_RUN.txt")
RESULTS = (Path("results"), Path("locks"), Path("bundles"))
KEPT = ("make_cohort", "plan")  # make inputs, or look at what would run; no results
TEXT = "stub: nothing was computed\n"
JSON = '{"stub": true}\n'


class StubError(Exception):
    """A stub run and a real run would meet in one run folder."""


def check_folder(stub: bool) -> None:
    """Raise StubError when the run folder holds stubs and the run is real, or results and the run is a stub run."""
    marked = MARK.exists() or SIGN.exists()
    if marked and not stub:
        raise StubError(
            f"{Path.cwd()} holds the outputs of a stub run (config key stub: true), which are no results. "
            "Give another --directory, or remove results, logs, benchmarks, locks, .hcc and .snakemake there."
        )
    if stub and not marked and any(any(path.glob("*")) for path in RESULTS):
        raise StubError(
            f"{Path.cwd()} holds results; a stub run (config key stub: true) would overwrite them. "
            "Give another --directory, or set stub: false."
        )


def mark_folder() -> None:
    """Mark the run folder as one of stubs, for the next start and for whoever opens it."""
    for path in (MARK, SIGN):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT, encoding="utf-8")


def replace_steps(workflow) -> None:
    """Let every step write stubs in Snakemake's own process; the DAG, parameters and resources stay as they are.

    `run_func` is what Snakemake calls to run a job of a rule, whatever the rule's directive.
    """
    from snakemake.io import is_flagged

    for rule in workflow.rules:
        if rule.script and rule.name not in KEPT:
            rule.run_func = _stand_in([is_flagged(output, "directory") for output in rule.output])


def _stand_in(directories: list[bool]):
    """What a job runs, with the positional arguments of Snakemake's own job functions; `given[5]` is the benchmark."""

    def run(inputs, outputs, params, wildcards, threads, resources, log, rule, *given):
        for path, directory in zip(outputs, directories, strict=True):
            if directory:
                Path(path).mkdir(parents=True, exist_ok=True)
            _write(f"{path}/stub.txt" if directory else path)
        for path in log:
            _write(path)
        record = given[5]
        if record is not None:
            record.running_time, record.process_gone = 0.0, True  # over before it could be measured

    return run


def _write(path: str) -> None:
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(JSON if path.endswith((".json", ".jsonl")) else TEXT)
