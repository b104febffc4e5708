"""GC-MS runs of the demo: EI scans of derivatised plasma, pooled QC runs and an alkane ladder in two batches.

In: the demo's people. Out: gzipped mzML, an MSP library, rows of assays. Source: compounds and effects in
metabolite_panel.py; spectra and indices are rounded from memory, drift and noise are chosen (QC RSD near 0.1).
"""

import gzip
from pathlib import Path

import numpy as np

from scripts.demo.latent import Person, Simulated, generator, relative, with_raw
from scripts.demo.metabolite_panel import (
    ALKANES,
    GC_COMPOUNDS,
    GC_LIBRARY_ONLY,
    GcCompound,
    alkane_ions,
)
from scripts.demo.mzml_writer import Spectrum, write_mzml

BATCH_OF_CENTRE = {"C1": "GB1", "C2": "GB1", "E1": "GBX", "E2": "GBX"}
CYCLE_S, END_S, PEAK_SD_S = 0.5, 440.0, 1.0
NOISE_POINTS, NOISE_HEIGHT = 12, 40.0
BLEED = (73, 147, 207, 281)  # column bleed, rising with the oven
RUN_SD = 0.09  # log2, area of one compound in one injection
TRUNCATED = 7  # number of the person whose file was cut off while copying


def seconds_of(index: float, shift: float) -> float:
    """Retention time of an index: nearly straight in a temperature programme, bent a little at the ends."""
    return 40.0 + shift + 0.165 * (index - 1000.0) - 4.0 * np.sin((index - 1000.0) / 730.0)


def run_spectra(ions: list[tuple[float, int, float]], rng: np.random.Generator) -> list[Spectrum]:
    """Scans of one run; `ions` holds (seconds of the apex, m/z, area)."""
    times = np.arange(20.0, END_S, CYCLE_S)
    scans, masses, heights = [], [], []
    for centre, mass, area in ions:
        near = np.flatnonzero(np.abs(times - centre) < 4 * PEAK_SD_S)
        shape = np.exp(-0.5 * ((times[near] - centre) / PEAK_SD_S) ** 2)
        height = area * shape / (PEAK_SD_S * np.sqrt(2 * np.pi))
        scans.append(near)
        masses.append(np.full(near.size, float(mass)))
        heights.append(height * (1 + rng.normal(0, 0.03, near.size)))
    for mass in BLEED:
        scans.append(np.arange(times.size))
        masses.append(np.full(times.size, float(mass)))
        heights.append((60 + 0.6 * times) * (1 + rng.normal(0, 0.05, times.size)))
    count = times.size * NOISE_POINTS
    scans.append(np.repeat(np.arange(times.size), NOISE_POINTS))
    masses.append(rng.integers(50, 550, count).astype(float))
    heights.append(NOISE_HEIGHT * rng.lognormal(0, 0.35, count))
    scan = np.concatenate(scans)
    # Ions of one unit mass in one scan add up, as on a quadrupole.
    key = scan * 1000 + np.concatenate(masses).astype(int)
    found, place = np.unique(key, return_inverse=True)
    height = np.bincount(place, weights=np.concatenate(heights))
    keep = height > 20
    found, height = found[keep], height[keep]
    starts = np.searchsorted(found // 1000, np.arange(times.size + 1))
    mz = (found % 1000) + 0.1
    return [
        Spectrum(1, float(t), mz[a:b], height[a:b])
        for t, a, b in zip(times, starts[:-1], starts[1:], strict=True)
    ]


def write_run(path: Path, spectra: list[Spectrum], cut: bool = False) -> None:
    """Write a gzipped mzML without a time stamp; `cut` leaves only the first half of the bytes."""
    plain = path.with_suffix("")
    write_mzml(plain, spectra)
    data = gzip.compress(plain.read_bytes(), 3, mtime=0)
    path.write_bytes(data[: len(data) // 2] if cut else data)
    plain.unlink()


def compound_ions(
    levels: np.ndarray, shift: float, rng: np.random.Generator
) -> list[tuple[float, int, float]]:
    """(seconds, m/z, area) of all ions of all compounds at these log2 levels."""
    out = []
    for compound, level in zip(GC_COMPOUNDS, levels, strict=True):
        centre = seconds_of(compound.index, shift) + rng.normal(0, 0.15)
        out += [(centre, m, 2.0**level * share / 100) for m, share in compound.ions.items()]
    return out


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """Write the GC-MS runs of the people who have them."""
    out = Simulated()
    chosen = with_raw(people, "gcms")
    pool = np.array([c.log2_area for c in GC_COMPOUNDS])
    raw = folder / "raw" / "gcms"
    for name in sorted({BATCH_OF_CENTRE[p.centre] for p in chosen}):
        members = [p for p in chosen if BATCH_OF_CENTRE[p.centre] == name]
        state = generator(seed, f"gcms {name}")
        shift = float(state.normal(0, 5))
        offset = state.normal(0, 0.35) + state.normal(0, 0.15, pool.size)
        slope = state.normal(-0.5, 0.2) + state.normal(0, 0.1, pool.size)

        def measured(levels, place, rng, shift=shift, offset=offset, slope=slope) -> list[Spectrum]:
            levels = levels + offset + slope * place / 20 + rng.normal(0, RUN_SD, levels.size)
            return run_spectra(compound_ions(levels, shift, rng), rng)

        orders, qcs = slots(len(members))
        day = min(p.index_date for p in members).isoformat()
        common = {"modality": "gcms", "batch": name}
        rng = generator(seed, f"gcms ladder {name}")
        path = raw / name / "ladder01.mzML.gz"
        write_run(path, run_spectra(ladder_ions(shift), rng))
        row = common | {"file": relative(path, folder), "date": day}
        out.assays.append(row | {"run_order": 1, "sample_role": "ladder"})
        for place in qcs:
            rng = generator(seed, f"gcms qc {name}", place)
            path = raw / name / f"qc{place:02d}.mzML.gz"
            write_run(path, measured(pool, place, rng))
            row = common | {"file": relative(path, folder), "date": day}
            out.assays.append(row | {"run_order": place, "sample_role": "qc"})
        for person, place in zip(members, orders, strict=True):
            rng = generator(seed, "gcms sample", person.number)
            cut = mess and person.number == TRUNCATED
            path = raw / name / f"{person.patient_id}.mzML.gz"
            write_run(path, measured(plasma(person, rng), place, rng), cut)
            row = common | {"patient_id": person.patient_id, "file": relative(path, folder)}
            row |= {"run_order": place, "sample_role": "sample", "specimen": "plasma"}
            out.assays.append(row | {"date": person.index_date.isoformat()})
            if cut:
                out.findings.append(
                    {
                        "subject": person.patient_id,
                        "block": "gcms",
                        "requirement_id": "OMX-02",
                        "verdict": "FAIL",
                        "step": "detect_gcms",
                        "note": "truncated mzML",
                    }
                )
    if chosen:
        write_library(folder / "reference" / "metabolomics" / "ei_library.msp")
    return out


def plasma(person: Person, rng: np.random.Generator) -> np.ndarray:
    """(compounds,) log2 areas in one person's plasma."""
    level = [
        c.log2_area + c.effect * person.latent["gcms"] + rng.normal(0, c.spread)
        for c in GC_COMPOUNDS
    ]
    return np.array(level) + rng.normal(0, 0.15)


def ladder_ions(shift: float) -> list[tuple[float, int, float]]:
    """(seconds, m/z, area) of the ions of the n-alkanes."""
    return [
        (seconds_of(100.0 * n, shift), mass, 2.0**18 * share / 100)
        for n in ALKANES
        for mass, share in alkane_ions(n).items()
    ]


def slots(samples: int, every: int = 4) -> tuple[list[int], list[int]]:
    """Injection orders of samples and QC runs: 1 is the ladder, 2 a QC run, then one after every 3 samples, one at the end."""
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


def write_library(path: Path) -> None:
    """An MSP library of the compounds and of others that no run holds."""

    def record(compound: GcCompound) -> str:
        peaks = "\n".join(f"{mass} {share * 10}" for mass, share in sorted(compound.ions.items()))
        head = f"Name: {compound.name}\nRetentionIndex: {compound.index:.0f}\n"
        return f"{head}Comment: synthetic, for the demo only\nNum Peaks: {len(compound.ions)}\n{peaks}\n"

    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(record(compound) for compound in (*GC_COMPOUNDS, *GC_LIBRARY_ONLY))
    path.write_text(text, encoding="utf-8")
