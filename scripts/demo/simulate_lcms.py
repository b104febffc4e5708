"""LC-MS runs of the demo: centroided MS1 mzML of plasma samples, pooled QC runs and blanks in three batches.

In: the demo's people. Out: gzipped mzML, rows of assays, table of standards. Source: compounds and effects in
metabolite_panel.py; drift, jitter and noise are chosen to look like a Q-TOF in a good laboratory (QC RSD near 0.1).
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.demo.latent import Person, Simulated, generator, relative, with_raw
from scripts.demo.metabolite_panel import (
    CONTAMINANTS,
    INTERNAL_STANDARDS,
    LC_COMPOUNDS,
)
from scripts.demo.mzml_writer import Spectrum, write_mzml

BATCH_OF_CENTRE = {"C1": "LB1", "C2": "LB2", "E1": "LBX", "E2": "LBX"}
CYCLE_S, END_S = 1.0, 300.0  # one scan a second, five minutes
PEAK_SD_S = 1.6
NOISE_POINTS, NOISE_HEIGHT = 60, 60.0  # a scan: points, median height
RUN_SD = 0.08  # log2, area of one compound in one injection
DILUTION_SD = 0.15  # log2, amount of plasma
FAILED_RUN = 4  # number of the person whose injection holds hardly any signal
FAILED_LOG2 = -9.0
C13 = 1.0033548


@dataclass(frozen=True)
class Batch:
    """How one batch measures: log2 offset and slope per compound over 20 injections, time shift (s), stretch."""

    offset: np.ndarray
    slope: np.ndarray
    shift: float
    stretch: float


def batch_of(seed: int, name: str) -> Batch:
    """The instrument's state during one batch."""
    rng = generator(seed, f"lcms {name}")
    size = len(LC_COMPOUNDS) + len(INTERNAL_STANDARDS)
    return Batch(
        offset=rng.normal(0, 0.35) + rng.normal(0, 0.15, size),
        slope=rng.normal(-0.5, 0.2) + rng.normal(0, 0.15, size),
        shift=float(rng.normal(0, 4)),
        stretch=float(1 + rng.normal(0, 0.005)),
    )


def plasma(person: Person, rng: np.random.Generator) -> np.ndarray:
    """(compounds,) log2 areas in one person's plasma."""
    level = [
        c.log2_area
        + c.effect * person.latent["lcms"]
        + c.cirrhosis * (person.cirrhosis - 0.7)
        + rng.normal(0, c.spread)
        for c in LC_COMPOUNDS
    ]
    return np.array(level) + rng.normal(0, DILUTION_SD)


def run_spectra(
    levels: np.ndarray | None,
    batch: Batch,
    order: int,
    rng: np.random.Generator,
    extra: float = 0.0,
) -> list[Spectrum]:
    """The scans of one injection; `levels` None is a blank, `extra` (log2) is added to every signal."""
    shift, stretch = rng.normal(batch.shift, 0.8), rng.normal(batch.stretch, 0.001)
    ppm = rng.normal(0, 2)
    ions: list[tuple[float, float, float]] = []
    if levels is not None:
        standards = np.array([log2 for *_, log2 in INTERNAL_STANDARDS])
        areas = np.concatenate([levels, standards]) + batch.offset + batch.slope * order / 20
        areas = areas + rng.normal(0, RUN_SD, areas.size) + extra
        table = [(c.mz, c.seconds, c.carbons) for c in LC_COMPOUNDS]
        table += [(mz, seconds, 11) for _, mz, seconds, _ in INTERNAL_STANDARDS]
        for (mz, seconds, carbons), area in zip(table, 2.0**areas, strict=True):
            ions.append((mz, seconds, area))
            ions.append((mz + C13, seconds, area * 0.0107 * carbons))
    for mz, seconds, log2_area in CONTAMINANTS:
        ions.append((mz, seconds, 2.0 ** (log2_area + rng.normal(0, 0.1) + extra)))
    times = np.arange(0.5, END_S, CYCLE_S)
    scans, mzs, heights = [], [], []
    for mz, seconds, area in ions:
        centre = seconds * stretch + shift + rng.normal(0, 0.2)
        near = np.flatnonzero(np.abs(times - centre) < 4 * PEAK_SD_S)
        shape = np.exp(-0.5 * ((times[near] - centre) / PEAK_SD_S) ** 2)
        height = area * shape / (PEAK_SD_S * np.sqrt(2 * np.pi))
        height = height * (1 + rng.normal(0, 0.03, near.size))
        scans.append(near)
        mzs.append(mz * (1 + (ppm + rng.normal(0, 2, near.size)) * 1e-6))
        heights.append(height)
    count = times.size * NOISE_POINTS
    scans.append(np.repeat(np.arange(times.size), NOISE_POINTS))
    mzs.append(rng.uniform(60, 620, count))
    heights.append(NOISE_HEIGHT * rng.lognormal(0, 0.35, count))
    scan, mz, height = np.concatenate(scans), np.concatenate(mzs), np.concatenate(heights)
    seen = height > 30
    scan, mz, height = scan[seen], mz[seen], height[seen]
    by_scan = np.lexsort((mz, scan))
    scan, mz, height = scan[by_scan], mz[by_scan], height[by_scan]
    starts = np.searchsorted(scan, np.arange(times.size + 1))
    return [
        Spectrum(1, float(t), mz[a:b], height[a:b])
        for t, a, b in zip(times, starts[:-1], starts[1:], strict=True)
    ]


def write_run(path: Path, spectra: list[Spectrum]) -> None:
    """Write a gzipped mzML without a time stamp."""
    plain = path.with_suffix("")
    write_mzml(plain, spectra)
    path.write_bytes(gzip.compress(plain.read_bytes(), 3, mtime=0))
    plain.unlink()


def slots(samples: int, every: int = 3) -> tuple[list[int], list[int]]:
    """Injection orders of samples and of QC runs: 1 is the blank, 2 a QC run, then a QC run after every `every - 1` samples."""
    orders, qcs, place = [], [2], 3
    while len(orders) < samples:
        if (place - 2) % every == 0:
            qcs.append(place)
        else:
            orders.append(place)
        place += 1
    if qcs[-1] < orders[-1]:
        qcs.append(place + (-(place - 2)) % every)
    return orders, qcs


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """Write the LC-MS runs of the people who have them."""
    out = Simulated()
    chosen = with_raw(people, "lcms")
    pool = np.array([c.log2_area for c in LC_COMPOUNDS])
    raw = folder / "raw" / "lcms"
    for name in sorted({BATCH_OF_CENTRE[p.centre] for p in chosen}):
        members = [p for p in chosen if BATCH_OF_CENTRE[p.centre] == name]
        batch = batch_of(seed, name)
        orders, qcs = slots(len(members))
        day = min(p.index_date for p in members).isoformat()
        for role, place in [("blank", 1), *(("qc", order) for order in qcs)]:
            rng = generator(seed, f"lcms {role} {name}", place)
            path = raw / name / f"{role}{place:02d}.mzML.gz"
            write_run(path, run_spectra(pool if role == "qc" else None, batch, place, rng))
            row = {"modality": "lcms", "file": relative(path, folder), "batch": name}
            out.assays.append(row | {"run_order": place, "sample_role": role, "date": day})
        for person, place in zip(members, orders, strict=True):
            rng = generator(seed, "lcms sample", person.number)
            failed = mess and person.number == FAILED_RUN
            path = raw / name / f"{person.patient_id}.mzML.gz"
            levels = plasma(person, rng)
            write_run(path, run_spectra(levels, batch, place, rng, FAILED_LOG2 if failed else 0.0))
            row = {"patient_id": person.patient_id, "modality": "lcms", "batch": name}
            row |= {"file": relative(path, folder), "run_order": place, "sample_role": "sample"}
            out.assays.append(row | {"date": person.index_date.isoformat(), "specimen": "plasma"})
            if failed:
                out.findings.append(
                    {
                        "subject": person.patient_id,
                        "block": "lcms",
                        "requirement_id": "OMX-02",
                        "verdict": "FAIL",
                        "step": "apply_lcms",
                        "note": "failed injection, hardly any signal",
                    }
                )
    if chosen:
        write_standards(folder / "reference" / "metabolomics" / "standards.tsv")
    return out


def write_standards(path: Path) -> None:
    """The laboratory's table of own standards: all compounds but a few that stay unknown, and the internal standards."""
    unknown = ("Propionylcarnitine", "LPC 20:5", "Cortisol", "Hexanoylcarnitine")
    lines = ["name\tformula\tadduct\tmz\trt\trole"]
    lines += [
        f"{c.name}\t{c.formula}\t[M+H]+\t\t{c.seconds:.0f}\tcompound"
        for c in LC_COMPOUNDS
        if c.name not in unknown
    ]
    lines += [
        f"{name}\t\t\t{mz:.4f}\t{seconds:.1f}\tinternal_standard"
        for name, mz, seconds, _ in INTERNAL_STANDARDS
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
