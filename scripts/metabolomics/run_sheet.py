"""The rows of assays.tsv that a step gets as parameters, and its inputs as lists.

In: parameters and inputs of a job. Out: plain lists and numbers. Source: rules/lookups/metabolomics.smk, `described`.
"""

from scripts.core.features import read_status


def listed(inputs, name: str) -> list:
    """An input that may be a list, one path or absent, as a list."""
    value = inputs.get(name, None)
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def run_order(row: dict) -> float:
    """Injection order of a run, NaN when the sheet has none."""
    return float(row["order"]) if row["order"] else float("nan")


def require_any(step, statuses: list[str]) -> None:
    """UpstreamDefect with the own reason of the first run when every run failed: it says more than that of the reference."""
    if all(read_status(path)[0] == "fail" for path in statuses):
        step.require(statuses[0])
