"""Time and memory of the rules of a finished run, as a table; with a second run, the ratios side by side.

In: the benchmark files of one or two run folders. Out: a table on stdout.
Source: Snakemake's benchmark columns s (wall), cpu_time and max_rss (MB).

    python -m tests.bench.demo_costs runs/demo [runs/before]
"""

import argparse
import csv
import sys
from pathlib import Path


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # "NA" or "-": shorter than Snakemake's first look


def costs(run: Path) -> dict[str, dict[str, float]]:
    """{rule: {jobs, seconds, cpu, memory}}: sums of wall and CPU seconds, largest resident memory in MB."""
    found: dict[str, dict[str, float]] = {}
    folder = run / "benchmarks"
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        entry = found.setdefault(rule, {"jobs": 0, "seconds": 0.0, "cpu": 0.0, "memory": 0.0})
        with open(path, encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                entry["jobs"] += 1
                entry["seconds"] += _number(row["s"])
                entry["cpu"] += _number(row.get("cpu_time", ""))
                entry["memory"] = max(entry["memory"], _number(row.get("max_rss", "")))
    return found


def _ratio(one: float, other: float) -> str:
    return f"{one / other:6.2f}" if other else "     -"


def table(run: dict, before: dict | None = None) -> str:
    """Costs per rule, dearest first, with their share of all job time and, if given, the ratio to an earlier run."""
    total = sum(entry["seconds"] for entry in run.values()) or 1.0
    columns = (
        f"{'rule':28}{'jobs':>6}{'wall s':>9}{'cpu s':>9}{'s/job':>8}{'max MB':>8}{'share':>7}"
    )
    lines = [columns + ("  wall ratio  MB ratio" if before else "")]
    for rule, entry in sorted(run.items(), key=lambda item: -item[1]["seconds"]):
        line = f"{rule:28}{entry['jobs']:6.0f}{entry['seconds']:9.1f}{entry['cpu']:9.1f}"
        line += f"{entry['seconds'] / entry['jobs']:8.2f}{entry['memory']:8.0f}"
        line += f"{entry['seconds'] / total:7.1%}"
        if before:
            old = before.get(rule, {"seconds": 0.0, "memory": 0.0})
            line += f"{_ratio(entry['seconds'], old['seconds']):>12}"
            line += f"{_ratio(entry['memory'], old['memory']):>10}"
        lines.append(line)
    jobs = sum(entry["jobs"] for entry in run.values())
    cpu = sum(entry["cpu"] for entry in run.values())
    memory = max((entry["memory"] for entry in run.values()), default=0.0)
    last = f"{'all':28}{jobs:6.0f}{total:9.1f}{cpu:9.1f}{total / max(jobs, 1):8.2f}{memory:8.0f}{1:7.1%}"
    if before:
        last += f"{_ratio(total, sum(entry['seconds'] for entry in before.values())):>12}"
    return "\n".join([*lines, last])


def main() -> int:
    """Print the table; 1 when there is no finished run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("before", type=Path, nargs="?", help="an earlier run to compare with")
    given = parser.parse_args()
    found = costs(given.run)
    if not found:
        print(f"no benchmarks in {given.run}; run `make demo` first", file=sys.stderr)
        return 1
    print(table(found, costs(given.before) if given.before else None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
