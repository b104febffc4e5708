"""Metabolomics of the demo: LC-MS and GC-MS runs with their standards and library.

In: the demo's people. Out: raw files, rows of assays, planted defects. Source: simulate_lcms.py, simulate_gcms.py.
"""

from pathlib import Path

from scripts.demo import simulate_gcms, simulate_lcms
from scripts.demo.latent import Person, Simulated


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """Write the LC-MS and GC-MS files of the people who have them; with `mess` two of the runs are spoilt."""
    lcms = simulate_lcms.simulate(people, folder, seed, mess)
    gcms = simulate_gcms.simulate(people, folder, seed, mess)
    return Simulated(assays=[*lcms.assays, *gcms.assays], findings=[*lcms.findings, *gcms.findings])
