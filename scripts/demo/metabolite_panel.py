"""The compounds of the demo's LC-MS and GC-MS runs and how they follow the latent burden.

In: nothing. Out: tables of compounds. Source of the directions: reviews of HCC metabolomics (bile acid conjugates,
acylcarnitines, aromatic amino acids and kynurenine up; LPC and branched-chain amino acids down: Patterson et al. 2011,
Cancer Res 71:6590; Chen et al. 2011, Mol Cell Proteomics 10:M110.004945; Luo et al. 2018, Hepatology 67:662), noted from
memory. **Sizes (log2 per SD of the burden), times and responses are chosen**, not measured.
"""

import re
from dataclasses import dataclass

MASSES = {
    "C": 12.0,
    "H": 1.00782503207,
    "N": 14.0030740048,
    "O": 15.99491461956,
    "P": 30.97376163,
    "S": 31.972071,
}  # monoisotopic (Da), CODATA/IUPAC
PROTON = 1.00727646688


@dataclass(frozen=True)
class LcCompound:
    """`seconds` of elution, `log2_area` in pooled plasma; log2 `effect` per SD of the burden, `cirrhosis`, `spread` (SD)."""

    name: str
    formula: str
    seconds: float
    log2_area: float
    effect: float = 0.0
    cirrhosis: float = 0.0
    spread: float = 0.4

    @property
    def mz(self) -> float:
        """m/z of [M+H]+."""
        atoms = re.findall(r"([A-Z])([0-9]*)", self.formula)
        return sum(MASSES[atom] * int(count or 1) for atom, count in atoms) + PROTON

    @property
    def carbons(self) -> int:
        """Number of carbon atoms, which sets the height of the first isotope peak."""
        return int(re.search(r"C([0-9]+)", self.formula)[1])


LC_COMPOUNDS = (
    LcCompound("Creatinine", "C4H7N3O", 32, 19.0),
    LcCompound("Arginine", "C6H14N4O2", 35, 18.5, -0.10),
    LcCompound("Lysine", "C6H14N2O2", 36, 17.5),
    LcCompound("Histidine", "C6H9N3O2", 37, 18.0, -0.10),
    LcCompound("Glutamine", "C5H10N2O3", 39, 18.5, -0.15),
    LcCompound("Glutamic acid", "C5H9NO4", 41, 17.8, 0.20),
    LcCompound("Citrulline", "C6H13N3O3", 42, 16.8),
    LcCompound("Carnitine", "C7H15NO3", 43, 19.5),
    LcCompound("Betaine", "C5H11NO2", 45, 19.0),
    LcCompound("Proline", "C5H9NO2", 47, 18.8, 0.10),
    LcCompound("Hypoxanthine", "C5H4N4O", 51, 17.0, 0.15, 0.0, 0.6),
    LcCompound("Uric acid", "C5H4N4O3", 54, 17.2),
    LcCompound("Acetylcarnitine", "C9H17NO4", 57, 18.7, 0.25),
    LcCompound("Valine", "C5H11NO2", 60, 18.6, -0.20, -0.2, 0.3),
    LcCompound("Methionine", "C5H11NO2S", 66, 17.3, 0.20, 0.2),
    LcCompound("Propionylcarnitine", "C10H19NO4", 70, 17.5),
    LcCompound("Tyrosine", "C9H11NO3", 75, 18.0, 0.25, 0.3, 0.3),
    LcCompound("Isoleucine", "C6H13NO2", 84, 18.5, -0.20, -0.2, 0.3),
    LcCompound("Leucine", "C6H13NO2", 96, 18.9, -0.20, -0.2, 0.3),
    LcCompound("Kynurenine", "C10H12N2O3", 103, 17.0, 0.30, 0.2, 0.35),
    LcCompound("Nicotinamide", "C6H6N2O", 106, 16.5),
    LcCompound("Phenylalanine", "C9H11NO2", 112, 19.2, 0.20, 0.2, 0.3),
    LcCompound("Paraxanthine", "C7H8N4O2", 121, 16.5, 0.0, -0.5, 1.2),
    LcCompound("Tryptophan", "C11H12N2O2", 127, 18.8, -0.25, -0.1, 0.3),
    LcCompound("Serotonin", "C10H12N2O", 131, 15.5, 0.0, 0.0, 0.6),
    LcCompound("Caffeine", "C8H10N4O2", 137, 18.0, 0.0, -0.3, 1.4),
    LcCompound("Hippuric acid", "C9H9NO3", 142, 16.8, -0.15, 0.0, 0.8),
    LcCompound("Phenylalanyl-tryptophan", "C20H21N3O3", 152, 16.0, 0.40, 0.0, 0.5),
    LcCompound("Hexanoylcarnitine", "C13H25NO4", 155, 16.3, 0.20),
    LcCompound("Cortisol", "C21H30O5", 163, 16.2, 0.10, 0.0, 0.5),
    LcCompound("Taurocholic acid", "C26H45NO7S", 168, 16.2, 0.50, 1.0, 0.9),
    LcCompound("Glycocholic acid", "C26H43NO6", 172, 16.8, 0.55, 1.0, 0.9),
    LcCompound("Octanoylcarnitine", "C15H29NO4", 176, 16.8, 0.25, 0.0, 0.5),
    LcCompound("Taurochenodeoxycholic acid", "C26H45NO6S", 181, 16.4, 0.45, 0.9, 0.9),
    LcCompound("Glycochenodeoxycholic acid", "C26H43NO5", 187, 17.4, 0.45, 0.9, 0.9),
    LcCompound("Glycodeoxycholic acid", "C26H43NO5", 197, 16.6, 0.10, 0.2, 1.0),
    LcCompound("Decanoylcarnitine", "C17H33NO4", 201, 16.6, 0.25, 0.0, 0.5),
    LcCompound("Lauroylcarnitine", "C19H37NO4", 213, 15.8, 0.20),
    LcCompound("Sphingosine 1-phosphate", "C18H38NO5P", 221, 16.4, -0.20),
    LcCompound("LPC 20:5", "C28H48NO7P", 226, 17.0, -0.30),
    LcCompound("LPC 18:2", "C26H50NO7P", 232, 19.4, -0.35, -0.2, 0.35),
    LcCompound("LPC 20:4", "C28H50NO7P", 236, 18.2, -0.30, -0.2, 0.35),
    LcCompound("LPC 16:0", "C24H50NO7P", 243, 20.0, -0.25, -0.2, 0.25),
    LcCompound("Palmitoylcarnitine", "C23H45NO4", 246, 16.6, 0.25),
    LcCompound("LPC 18:1", "C26H52NO7P", 250, 19.2, -0.30, -0.2, 0.3),
    LcCompound("Oleoylcarnitine", "C25H47NO4", 253, 16.5, 0.20),
    LcCompound("LPC 18:0", "C26H54NO7P", 262, 19.0, -0.30, -0.2, 0.25),
    LcCompound("Bilirubin", "C33H36N4O6", 270, 16.5, 0.30, 0.6, 0.7),
)
# name, m/z, seconds, log2 area; added to samples and QC runs in the same amount.
INTERNAL_STANDARDS = (
    ("Tryptophan-d5", 210.1285, 126.5, 18.0),
    ("Octanoylcarnitine-d3", 291.2358, 175.5, 17.5),
)
# m/z, seconds, log2 area of what comes from solvents and plastics: as high in blanks.
CONTAMINANTS = (
    (149.0233, 205, 17.5),
    (279.1591, 239, 17.8),
    (391.2843, 267, 18.2),
    (371.1012, 275, 18.0),
    (338.3417, 258, 17.6),
)


@dataclass(frozen=True)
class GcCompound:
    """One trimethylsilyl derivative: retention `index` (5 % phenyl column), EI `ions` {m/z: % of base}, as LcCompound else."""

    name: str
    index: float
    log2_area: float
    effect: float
    ions: dict[int, int]
    spread: float = 0.35


# Ions and indices: rounded, from memory of common library entries; the relative heights are chosen.
GC_COMPOUNDS = (
    GcCompound(
        "Lactic acid 2TMS",
        1066,
        19.5,
        0.25,
        {73: 90, 147: 100, 117: 85, 191: 18, 219: 8, 190: 12, 133: 9, 66: 6},
    ),
    GcCompound(
        "Alanine 2TMS", 1108, 18.5, 0.0, {116: 100, 73: 45, 147: 18, 190: 8, 117: 10, 218: 3, 59: 5}
    ),
    GcCompound(
        "3-Hydroxybutyric acid 2TMS",
        1163,
        17.6,
        0.20,
        {147: 100, 73: 85, 191: 45, 117: 40, 233: 12, 130: 10},
        0.8,
    ),
    GcCompound(
        "Valine 2TMS", 1220, 18.0, -0.25, {144: 100, 73: 40, 218: 15, 145: 13, 156: 6, 100: 8}
    ),
    GcCompound(
        "Urea 2TMS", 1245, 18.8, -0.10, {147: 100, 189: 70, 73: 45, 171: 15, 204: 14, 99: 12}
    ),
    GcCompound(
        "Glycerol 3TMS",
        1277,
        18.0,
        0.20,
        {73: 100, 147: 70, 205: 60, 117: 45, 103: 30, 218: 20, 133: 12},
    ),
    GcCompound(
        "Isoleucine 2TMS", 1297, 17.5, -0.25, {158: 100, 73: 45, 218: 25, 159: 13, 232: 6, 100: 7}
    ),
    GcCompound(
        "Glycine 3TMS",
        1311,
        18.2,
        -0.15,
        {174: 100, 73: 60, 86: 35, 147: 25, 248: 18, 276: 12, 175: 15},
    ),
    GcCompound(
        "Succinic acid 2TMS",
        1320,
        16.6,
        0.20,
        {147: 100, 73: 60, 75: 20, 247: 18, 148: 15, 172: 8, 129: 9},
    ),
    GcCompound(
        "Serine 3TMS",
        1368,
        17.6,
        -0.15,
        {204: 100, 73: 75, 218: 70, 100: 30, 147: 25, 188: 15, 278: 8},
    ),
    GcCompound(
        "Threonine 3TMS",
        1393,
        17.4,
        -0.20,
        {73: 100, 218: 60, 117: 55, 219: 50, 101: 30, 291: 20, 129: 12},
    ),
    GcCompound(
        "Malic acid 3TMS",
        1497,
        16.2,
        0.20,
        {73: 100, 147: 75, 233: 45, 245: 25, 133: 18, 189: 12, 335: 8},
    ),
    GcCompound(
        "Phenylalanine 2TMS",
        1635,
        17.2,
        0.25,
        {218: 100, 73: 70, 192: 60, 91: 15, 147: 18, 100: 20, 266: 6},
    ),
    GcCompound(
        "Citric acid 4TMS",
        1823,
        17.8,
        0.10,
        {273: 100, 73: 95, 147: 50, 347: 20, 375: 18, 363: 12, 211: 14, 465: 8},
    ),
    GcCompound(
        "Glucose 5TMS MeOX",
        1898,
        19.6,
        0.15,
        {319: 75, 73: 100, 205: 50, 147: 40, 160: 35, 217: 20, 103: 18, 129: 20},
    ),
    GcCompound(
        "Palmitic acid TMS",
        2050,
        18.6,
        0.15,
        {117: 100, 73: 80, 313: 60, 129: 50, 132: 40, 145: 25, 328: 10, 55: 30},
    ),
    GcCompound(
        "Oleic acid TMS",
        2219,
        18.0,
        0.15,
        {73: 100, 117: 90, 129: 70, 339: 45, 145: 35, 96: 30, 55: 60, 199: 12},
    ),
    GcCompound(
        "Cholesterol TMS",
        3140,
        18.4,
        -0.30,
        {129: 100, 73: 60, 329: 70, 368: 55, 353: 25, 247: 20, 458: 25, 145: 30},
    ),
)
# In the library, not in any run: what a search must not find.
GC_LIBRARY_ONLY = (
    GcCompound("Norvaline 2TMS", 1250, 0.0, 0.0, {144: 100, 73: 50, 218: 20, 145: 14, 174: 6}),
    GcCompound(
        "Ribitol 5TMS",
        1735,
        0.0,
        0.0,
        {73: 100, 217: 70, 147: 50, 205: 30, 103: 45, 319: 30, 307: 15},
    ),
    GcCompound(
        "Stearic acid TMS",
        2246,
        0.0,
        0.0,
        {117: 100, 73: 85, 341: 60, 129: 50, 132: 42, 145: 28, 356: 12},
    ),
    GcCompound(
        "Fructose 5TMS MeOX",
        1866,
        0.0,
        0.0,
        {73: 100, 103: 70, 217: 60, 147: 45, 307: 40, 133: 20, 277: 12},
    ),
)
ALKANES = tuple(range(10, 34))  # carbons of the ladder C10-C33


def alkane_ions(carbons: int) -> dict[int, int]:
    """EI spectrum of an n-alkane: fragments CnH2n+1 falling from m/z 57, and the molecular ion (McLafferty & Turecek 1993)."""
    ions = {43: 80, 57: 100, 71: 65, 85: 45, 41: 35, 55: 25}
    ions |= {14 * n + 1: max(1, round(30 * 0.72 ** (n - 7))) for n in range(7, carbons - 1)}
    return ions | {14 * carbons + 2: 6}
