"""In: features of several readings of development patients. Out: reader agreement of each feature.
FIT on development patients only; frozen for everybody else.
Source: Shrout & Fleiss 1979 (doi 10.1037/0033-2909.86.2.420), ICC(2,1); requirement MOD-05.
"""

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np

from scripts.core import job as core_job
from scripts.core.features import read_status

COLUMNS = ["feature", "stability", "kind", "ci_low", "ci_high", "intra_reader", "n"]


def icc_2_1(values: np.ndarray, alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ICC(2,1), two-way random effects, absolute agreement, single reading, with its interval.

    values : (n subjects, k readers, p features) without NaN. Returns estimate, lower and upper
    limit, each (p,); NaN where a feature does not vary. Source: McGraw & Wong 1996, table 7.
    """
    from scipy.stats import f as f_distribution

    n, k, _ = values.shape
    grand = values.mean(axis=(0, 1))
    rows = k * ((values.mean(axis=1) - grand) ** 2).sum(axis=0)
    columns = n * ((values.mean(axis=0) - grand) ** 2).sum(axis=0)
    total = ((values - grand) ** 2).sum(axis=(0, 1))
    flat = total <= 1e-20 * (1 + grand**2) * n * k
    ms_rows = rows / (n - 1)
    ms_columns = columns / (k - 1)
    ms_error = np.maximum(total - rows - columns, 0) / ((n - 1) * (k - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        icc = (ms_rows - ms_error) / (
            ms_rows + (k - 1) * ms_error + k * (ms_columns - ms_error) / n
        )
        a = k * icc / (n * (1 - icc))
        b = 1 + k * icc * (n - 1) / (n * (1 - icc))
        freedom = (a * ms_columns + b * ms_error) ** 2 / (
            (a * ms_columns) ** 2 / (k - 1) + (b * ms_error) ** 2 / ((n - 1) * (k - 1))
        )
        f_low = f_distribution.ppf(1 - alpha / 2, n - 1, freedom)
        f_high = f_distribution.ppf(1 - alpha / 2, freedom, n - 1)
        spread = k * ms_columns + (k * n - k - n) * ms_error
        low = n * (ms_rows - f_low * ms_error) / (f_low * spread + n * ms_rows)
        high = n * (f_high * ms_rows - ms_error) / (spread + n * f_high * ms_rows)
    for part in (icc, low, high):
        part[flat] = np.nan
    return icc, low, high


def reading_table(
    paths: list[str], statuses: list[str], block: str
) -> dict[str, dict[str, list[dict]]]:
    """{patient: {reader: [features of the first reading, of the second, ...]}} of one block; a block that failed has no say."""
    found: dict[str, dict[str, list[dict]]] = {}
    for path, status in sorted(zip(paths, statuses, strict=True)):
        if read_status(status, block)[0] == "fail":
            continue
        text = Path(path).read_text(encoding="utf-8")
        blocks = json.loads(text) if text.strip() else {}
        for reading in blocks.get(block, []):
            readers = found.setdefault(Path(path).parent.name, {})
            readers.setdefault(reading["reader"], []).append(reading["features"])
    return found


def common_readers(table: dict[str, dict[str, list[dict]]]) -> tuple[list[str], list[str]]:
    """The readers whose agreement can be measured and the patients whom all of them read.

    The pair with most patients in common, joined by every reader who read all of these.
    """
    readers = sorted({reader for own in table.values() for reader in own})
    best: tuple[list[str], list[str]] = ([], [])
    for pair in combinations(readers, 2):
        patients = sorted(p for p, own in table.items() if set(pair) <= set(own))
        if len(patients) > len(best[1]):
            best = (list(pair), patients)
    more = [
        reader
        for reader in readers
        if reader not in best[0] and best[1] and all(reader in table[p] for p in best[1])
    ]
    return best[0] + more, best[1]


def agreement(readings: list[list[dict]], min_patients: int) -> dict[str, tuple]:
    """{feature: (icc, low, high, n)} from readings[patient][reader]; patients in whom a reading of
    the feature is missing are left out for that feature. NaN when fewer than `min_patients` remain.
    """
    names = sorted({name for readers in readings for features in readers for name in features})
    values = np.array(
        [[[_number(f.get(name)) for name in names] for f in readers] for readers in readings]
    )
    complete = ~np.isnan(values).any(axis=1)
    found = {}
    for pattern in np.unique(complete, axis=1).T:
        same = np.flatnonzero((complete == pattern[:, None]).all(axis=0))
        n = int(pattern.sum())
        parts = [np.full(len(same), np.nan)] * 3
        if n >= min_patients:
            parts = icc_2_1(values[np.ix_(pattern, range(values.shape[1]), same)])
        for position, feature in enumerate(same):
            found[names[feature]] = (*(float(part[position]) for part in parts), n)
    return found


def _number(value) -> float:
    return float("nan") if value is None else float(value)


def stable(icc: float, threshold: float) -> bool:
    """Strictly above the threshold; NaN (a feature that does not vary) is not stable."""
    return icc > threshold


def stability_rows(inter: dict[str, tuple], intra: dict[str, tuple], names: list[str]) -> list:
    """Lines of the stability file. Empty = not assessed; 0 with its own kind = undefined ICC, which
    is never stable (a feature without variance between patients tells nothing)."""
    rows = []
    for name in names:
        same = intra.get(name, (float("nan"),))[0]
        if name not in inter:
            rows.append([name, "", "not assessed", "", "", _text(same), ""])
            continue
        icc, low, high, n = inter[name]
        if np.isnan(icc):
            rows.append([name, "0", "ICC(2,1) undefined", "", "", _text(same), n])
        else:
            rows.append([name, _text(icc), "ICC(2,1)", _text(low), _text(high), _text(same), n])
    return rows


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6f}"


def assess(table: dict, min_patients: int) -> tuple[list, int, int]:
    """Lines of the stability file, number of patients with two readers and with two readings."""
    readers, patients = common_readers(table)
    first = [[table[p][r][0] for r in readers] for p in patients]
    twice = [own[:2] for p in sorted(table) for own in table[p].values() if len(own) > 1]
    inter = agreement(first, min_patients) if len(patients) >= min_patients else {}
    intra = agreement(twice, min_patients) if len(twice) >= min_patients else {}
    every = [f for own in table.values() for readings in own.values() for f in readings]
    names = sorted({name for f in every for name in f})
    return stability_rows(inter, intra, names), len(patients), len(twice)


def main(job):
    """Reader agreement of one block.

    input: readings, statuses (readings.json and verdicts of development patients with two or more readings)
    output: stability, status, ledger
    params: settings (threshold, min_patients)
    wildcards: block
    """
    with core_job.step(job) as step:
        block, settings = job.wildcards.block, job.params.settings
        paths, statuses = (
            [given] if isinstance(given, str) else list(given)
            for given in (job.input.get("readings", []), job.input.get("statuses", []))
        )
        table = reading_table(paths, statuses, block)
        rows, n, twice = assess(table, settings["min_patients"])
        limit = settings["threshold"]
        measured = [row for row in rows if row[1] != ""]
        if measured:
            kept = sum(stable(float(row[1]), limit) for row in measured)
            step.check(
                "MOD-05",
                "features stable between readers",
                "PASS",
                value=kept,
                unit=f"of {len(measured)} features",
                threshold=f"ICC(2,1) > {limit:g} on {n} development patients",
                subject=block,
            )
        else:
            step.check(
                "MOD-05",
                "features stable between readers",
                "NOT_ASSESSED",
                value=n,
                unit="patients with two readers",
                threshold=f">= {settings['min_patients']}",
                reason="too few patients read twice: no feature was dropped for instability",
                subject=block,
            )
        step.log.info("%s: %d patients with two readers, %d read twice by one", block, n, twice)
        with open(step.path(job.output.stability), "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
            writer.writerows([COLUMNS, *rows])


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
