"""In: the demo's people. Out: DDA runs (mzML) with their FASTA, one DIA-NN-style report, rows of the sheet ihc.tsv.
Gene and protein names are real, **every sequence is random**: no number here describes a real person or protein.
Source of the directions: see PANEL; sizes are chosen (log2 per SD of the burden), noise 0.25 log2 per protein.
"""

import math
from pathlib import Path

import numpy as np

from scripts.demo.latent import Person, Simulated, generator, relative, with_raw
from scripts.demo.mzml_writer import Spectrum, write_mzml
from scripts.demo.protein_panel import PANEL
from scripts.demo.synthetic_peptides import (
    GRADIENT_S,
    ISOTOPE,
    Peptide,
    fragments,
    protein_sequences,
    visible_peptides,
)

CYCLE_S, PEAK_SD_S = 2.5, 5.0
NOISE_SD = 0.25  # log2, protein by person
PEPTIDE_SD = 0.12  # log2, peptide by run
NO_MS2 = 6  # number of the person whose MS2 spectra are missing
NOT_IN_REPORT = 8  # number of the person whose run the DIA report lacks
READERS_DIFFER = 0  # number of the person whose GPC3 two readers call differently


def protein_levels(person: Person, modality: str, seed: int) -> dict[str, float]:
    """log2 abundance of every panel protein of one person: base + effect x latent value + noise."""
    rng = generator(seed, f"proteins {modality}", person.number)
    noise = rng.normal(0, NOISE_SD, len(PANEL))
    latent = person.latent[modality]
    return {p.accession: p.base + p.effect * latent + n for p, n in zip(PANEL, noise, strict=True)}


def _survey_scans(
    signals: list[tuple[Peptide, float, float]], times: np.ndarray, rng
) -> list[Spectrum]:
    """MS1 scans from (peptide, height, apex time): Gaussian elution, three isotopes, sparse noise."""
    mz, height, scan = [], [], []
    for peptide, top, apex in signals:
        near = np.flatnonzero(np.abs(times - apex) < 4 * PEAK_SD_S)
        profile = top * np.exp(-0.5 * ((times[near] - apex) / PEAK_SD_S) ** 2)
        heavy = (
            peptide.mass * 0.00055
        )  # expected 13C atoms: 4.9 C per averagine of 111 Da, 1.1 % each
        for isotope in range(3):
            share = math.exp(-heavy) * heavy**isotope / math.factorial(isotope)
            mz.append(np.full(len(near), peptide.mz + isotope * ISOTOPE / peptide.charge))
            height.append(profile * share * rng.lognormal(0, 0.04, len(near)))
            scan.append(near)
    noise = 25
    mz.append(rng.uniform(350, 1200, noise * len(times)))
    height.append(rng.gamma(1, 1500, noise * len(times)))
    scan.append(np.repeat(np.arange(len(times)), noise))
    mz, height, scan = np.concatenate(mz), np.concatenate(height), np.concatenate(scan)
    mz = mz * (1 + rng.normal(0, 1.5e-6, len(mz)))
    order = np.lexsort((mz, scan))
    mz, height, scan = mz[order], height[order], scan[order]
    starts = np.searchsorted(scan, np.arange(len(times) + 1))
    return [
        Spectrum(1, float(t), mz[a:b][height[a:b] > 1000], height[a:b][height[a:b] > 1000])
        for t, a, b in zip(times, starts[:-1], starts[1:], strict=True)
    ]


def dda_run(person: Person, peptides: dict[str, list[Peptide]], seed: int) -> list[Spectrum]:
    """All spectra of one person's run, in the order of time; one MS2 per peptide that the top-N choice takes, some of noise."""
    levels = protein_levels(person, "dda", seed)
    rng = generator(seed, "dda run", person.number)
    loading, drift = rng.normal(0, 0.3), rng.normal(0, 4)
    signals = []
    for accession, own in peptides.items():
        for peptide in own:
            log2 = levels[accession] + peptide.response + loading + rng.normal(0, PEPTIDE_SD)
            apex = peptide.seconds + drift + rng.normal(0, 1)
            signals.append((peptide, 2.0**log2, apex))
    times = np.arange(0, GRADIENT_S, CYCLE_S)
    spectra = _survey_scans(signals, times, rng)
    for peptide, height, apex in signals:
        taken = rng.random() < 1 / (
            1 + (30000 / height) ** 1.5
        )  # weak precursors are often not picked
        mz, intensity = fragments(peptide.sequence, rng)
        when = apex + rng.normal(0, 2)
        if taken:
            spectra.append(Spectrum(2, float(when), mz, intensity, peptide.mz, peptide.charge))
    for _ in range(25):  # spectra that no peptide explains
        count = int(rng.integers(30, 60))
        mz = np.sort(rng.uniform(120, 1400, count))
        precursor, when = rng.uniform(400, 1000), rng.uniform(5, GRADIENT_S - 5)
        spectra.append(Spectrum(2, float(when), mz, rng.gamma(1, 100, count), float(precursor), 2))
    return sorted(spectra, key=lambda s: (s.seconds, s.level))


def _simulate_dda(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    out = Simulated()
    sequences = protein_sequences(seed)
    fasta = folder / "reference" / "proteins.fasta"
    fasta.parent.mkdir(parents=True, exist_ok=True)
    with open(fasta, "w", encoding="utf-8") as handle:
        for p in PANEL:
            handle.write(
                f">sp|{p.accession}|{p.gene}_DEMO {p.name} (synthetic sequence) OS=Synthetic GN={p.gene} PE=5 SV=1\n"
            )
            sequence = sequences[p.accession]
            handle.writelines(sequence[i : i + 60] + "\n" for i in range(0, len(sequence), 60))
    peptides = {
        p.accession: visible_peptides(sequences[p.accession], generator(seed, "demo peptides", i))
        for i, p in enumerate(PANEL)
    }
    for person in people:
        spectra = dda_run(person, peptides, seed)
        if mess and person.number == NO_MS2:
            spectra = [s for s in spectra if s.level == 1]
            out.findings.append(
                _finding(
                    person, "dda", "OMX-03", "FAIL", "search_spectra", "DDA run without MS2 spectra"
                )
            )
        path = folder / "raw" / "dda" / f"{person.patient_id}.mzML"
        write_mzml(path, spectra)
        out.assays.append(_assay(person, "dda", relative(path, folder)))
    return out


def _assay(person: Person, modality: str, file: str) -> dict:
    return {
        "patient_id": person.patient_id,
        "modality": modality,
        "file": file,
        "assay_id": f"{person.patient_id}_{modality}",
        "specimen": "plasma",
        "batch": "B1" if person.number % 2 else "B2",
        "date": person.index_date.isoformat(),
    }


def _finding(
    person: Person, block: str, requirement: str, verdict: str, step: str, note: str
) -> dict:
    return {
        "subject": person.patient_id,
        "block": block,
        "requirement_id": requirement,
        "verdict": verdict,
        "step": step,
        "note": note,
    }


REPORT_COLUMNS = [
    "File.Name",
    "Run",
    "Protein.Group",
    "Protein.Ids",
    "Protein.Names",
    "Genes",
    "PG.Quantity",
    "PG.MaxLFQ",
    "Precursor.Id",
    "Q.Value",
    "Global.Q.Value",
    "PG.Q.Value",
    "Global.PG.Q.Value",
    "Lib.Q.Value",
    "Lib.PG.Q.Value",
    "Proteotypic",
    "First.Protein.Description",
    "Precursor.Quantity",
]  # a selection of DIA-NN 1.8's main report, same names


def report_lines(person: Person, seed: int) -> list[str]:
    """Lines of one person's run in the DIA report; weak proteins are missing or above 1 % FDR."""
    levels = protein_levels(person, "dia", seed)
    rng = generator(seed, "dia run", person.number)
    run = f"{person.patient_id}_dia"
    lines = []
    for p in PANEL:
        log2 = levels[p.accession] + 2 + rng.normal(0, 0.05)
        strength = 1 / (1 + math.exp(-(log2 - 14)))
        draws = rng.random(3)
        protein_q = (
            rng.uniform(0, 0.004) if draws[0] < strength + 0.05 else rng.uniform(0.011, 0.05)
        )
        quantity = f"{2**log2:.6g}"
        for precursor in range(2):
            q = rng.uniform(0, 0.005)
            share = rng.uniform(0.2, 0.6)
            if draws[1 + precursor] > strength + 0.2:
                continue
            cells = [
                f"D:\\runs\\{run}.raw",
                run,
                p.accession,
                p.accession,
                f"{p.gene}_DEMO",
                p.gene,
                quantity,
                quantity,
                f"DEMOPEPTIDE{precursor}{p.gene}K2",
                f"{q:.6g}",
                "0.0005",
                f"{protein_q:.6g}",
                "0.0008",
                "0.0005",
                "0.0008",
                "1",
                p.name,
                f"{2**log2 * share:.6g}",
            ]
            lines.append("\t".join(cells))
    return lines


def _simulate_dia(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    out = Simulated()
    path = folder / "raw" / "dia" / "report.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(REPORT_COLUMNS)]
    for person in people:
        out.assays.append(_assay(person, "dia", relative(path, folder)))
        if mess and person.number == NOT_IN_REPORT:
            out.findings.append(
                _finding(
                    person, "dia", "OMX-03", "FAIL", "import_dia", "run missing in the DIA report"
                )
            )
            continue
        lines += report_lines(person, seed)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out


# marker: (mean intensity 0-3, mean % of tumour cells, change of % per SD of the latent value). Directions: Arg-1 and HepPar-1
# stain hepatocytes and fade in poorly differentiated tumours, GPC3, CK19 and Ki-67 rise (WHO Classification of Tumours,
# Digestive System, 5th ed. 2019); the sizes are chosen.
IHC = {
    "Arg-1": (2.4, 85, -6),
    "HepPar-1": (2.3, 80, -6),
    "GPC3": (2.0, 55, 12),
    "CD34": (2.2, 70, 6),
    "CK7": (0.8, 8, 4),
    "CK19": (0.9, 6, 6),
    "Ki-67": (2.0, 18, 10),
}


def ihc_rows(person: Person, seed: int, mess: bool) -> list[dict]:
    """Two readers' calls of every marker of one person's tumour tissue."""
    rng = generator(seed, "ihc", person.number)
    rows = []
    for marker, (intensity, percent, slope) in IHC.items():
        true_percent = percent + slope * (person.latent["ihc"] - 1.2) + rng.normal(0, 6)
        true_intensity = int(np.clip(round(intensity + rng.normal(0, 0.4)), 0, 3))
        for reader in ("H1", "H2"):
            seen = int(np.clip(round(true_percent + rng.normal(0, 3)), 1, 100))
            called = true_intensity
            if mess and person.number == READERS_DIFFER and marker == "GPC3":
                called, seen = (3, 80) if reader == "H1" else (0, 0)
            rows.append(
                {
                    "patient_id": person.patient_id,
                    "marker": marker,
                    "intensity": called,
                    "percent": seen if called else 0,
                    "reader": reader,
                    "specimen": "tumour",
                    "date": person.index_date.isoformat(),
                }
            )
    return rows


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """DDA and DIA files of the people with raw files, IHC rows of everybody who has tumour tissue."""
    dda = _simulate_dda(with_raw(people, "dda"), folder, seed, mess)
    dia = _simulate_dia(with_raw(people, "dia"), folder, seed, mess)
    stained = [person for person in people if "ihc" in person.modalities]
    findings = [
        _finding(p, "ihc", "QCP-03", "FAIL", "import_ihc", "two readers disagree on GPC3")
        for p in stained
        if mess and p.number == READERS_DIFFER
    ]
    return Simulated(
        assays=dda.assays + dia.assays,
        sheets={"ihc": [row for person in stained for row in ihc_rows(person, seed, mess)]},
        findings=dda.findings + dia.findings + findings,
    )
