"""Synthetic proteins and their tryptic peptides: random sequences, masses, elution times, fragment spectra.

In: the demo's protein panel, a seed. Out: sequences, visible peptides, b and y ions. Source: residue masses of Unimod;
residue frequencies of UniProt, rounded. No sequence is that of a real protein.
"""

from dataclasses import dataclass

import numpy as np

from scripts.demo.latent import generator
from scripts.demo.protein_panel import PANEL

PROTON = 1.00727646688
WATER = 18.0105646837
ISOTOPE = 1.0033548
CARBAMIDOMETHYL = 57.02146372
MASSES = {
    "G": 57.02146374,
    "A": 71.03711381,
    "S": 87.03202844,
    "P": 97.05276388,
    "V": 99.06841395,
    "T": 101.0476785,
    "C": 103.0091845 + CARBAMIDOMETHYL,
    "L": 113.084064,
    "I": 113.084064,
    "N": 114.0429275,
    "D": 115.0269431,
    "Q": 128.0585775,
    "K": 128.0949630,
    "E": 129.0425931,
    "M": 131.0404846,
    "H": 137.0589119,
    "F": 147.0684139,
    "R": 156.1011110,
    "Y": 163.0633286,
    "W": 186.0793130,
}  # monoisotopic residue masses (Da), Unimod; cysteine carbamidomethylated
# Share of each residue in tryptic interiors (UniProt statistics, rounded; K and R end the peptides).
INTERIOR = {
    "A": 8.3,
    "C": 1.4,
    "D": 5.5,
    "E": 6.8,
    "F": 3.9,
    "G": 7.1,
    "H": 2.3,
    "I": 5.9,
    "L": 9.7,
    "M": 2.4,
    "N": 4.1,
    "P": 4.7,
    "Q": 3.9,
    "S": 6.6,
    "T": 5.4,
    "V": 6.9,
    "W": 1.1,
    "Y": 2.9,
}
MAX_PEPTIDES = 6  # of one protein that ionise well enough to be picked
GRADIENT_S = 600.0  # length of a run


@dataclass(frozen=True)
class Peptide:
    """One tryptic peptide of the demo: `mass` neutral (Da), `seconds` of elution, `response` log2 to its protein."""

    sequence: str
    mass: float
    charge: int
    seconds: float
    response: float

    @property
    def mz(self) -> float:
        """m/z of the monoisotopic peak."""
        return self.mass / self.charge + PROTON


def protein_sequences(seed: int) -> dict[str, str]:
    """A random sequence for every protein of the panel: tryptic peptides of 7 to 22 residues, no proline after K or R."""
    letters, shares = np.array(list(INTERIOR)), np.array(list(INTERIOR.values()))
    shares = shares / shares.sum()
    sequences = {}
    for number, protein in enumerate(PANEL):
        rng = generator(seed, "demo protein", number)
        parts = ["M"]
        for _ in range(int(rng.integers(14, 24))):
            piece = rng.choice(letters, p=shares, size=int(rng.integers(6, 22)))
            if piece[0] == "P":
                piece[0] = "L"
            parts.append("".join(piece) + str(rng.choice(["K", "R"])))
        sequences[protein.accession] = "".join(parts)
    return sequences


def visible_peptides(sequence: str, rng: np.random.Generator) -> list[Peptide]:
    """The peptides of a protein that the demo's instrument sees, with their response and elution time."""
    pieces = "".join(c + ("|" if c in "KR" else "") for c in sequence).split("|")[1:-1]
    pieces = [p for p in pieces if 8 <= len(p) <= 20 and "M" not in p]
    chosen = rng.permutation(len(pieces))[:MAX_PEPTIDES]
    out = []
    for index in sorted(int(i) for i in chosen):
        piece = pieces[index]
        mass = sum(MASSES[c] for c in piece) + WATER
        charge = 3 if mass > 1900 else 2
        out.append(
            Peptide(
                piece,
                mass,
                charge,
                float(rng.uniform(30, GRADIENT_S - 30)),
                float(rng.normal(0, 1)),
            )
        )
    return out


def fragments(sequence: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """m/z and intensity of the singly charged b and y ions (y stronger, a few missing) and of some noise peaks."""
    masses = np.array([MASSES[c] for c in sequence])
    b = np.cumsum(masses)[1:-1] + PROTON
    y = np.cumsum(masses[::-1])[:-1] + WATER + PROTON
    mz = np.concatenate([b, y])
    intensity = np.concatenate([rng.gamma(2, 200, len(b)), rng.gamma(2, 500, len(y))])
    kept = rng.random(len(mz)) > 0.15
    noise = rng.integers(10, 20)
    mz = np.concatenate([mz[kept], rng.uniform(120, 1400, noise)])
    intensity = np.concatenate([intensity[kept], rng.gamma(1, 60, noise)])
    mz = mz * (1 + rng.normal(0, 3e-6, len(mz)))
    order = np.argsort(mz)
    return mz[order], intensity[order]
