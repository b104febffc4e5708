"""Protein inference: peptides to protein groups by parsimony, group FDR by picked target-decoy competition.

In: best raw score, decoy flag and accessions of every peptide. Out: groups with their peptides, score and q-value.
Source: Nesvizhskii & Aebersold 2005 (Mol Cell Proteomics 4:1419); Savitski et al. 2015 (Mol Cell Proteomics 14:2394).
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scripts.proteomics.target_decoy import q_values

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Group:
    """Proteins that the peptides cannot tell apart. `peptides` all, `own` those that no other group shares."""

    accessions: list[str]
    peptides: set[str]
    own: set[str] = field(default_factory=set)
    score: float = 0.0
    is_decoy: bool = False
    q_value: float = 1.0

    @property
    def leader(self) -> str:
        """The first accession, which names the group."""
        return self.accessions[0]


def best_peptides(matches: "pd.DataFrame") -> "pd.DataFrame":
    """Best raw score per peptide sequence over all runs (columns sequence, score, is_decoy, accessions)."""
    ranked = matches.sort_values(["score", "sequence"], ascending=[False, True], kind="stable")
    columns = ["sequence", "score", "is_decoy", "accessions"]
    return ranked.drop_duplicates("sequence")[columns].reset_index(drop=True)


def group_proteins(peptides: dict[str, tuple[float, list[str]]]) -> list[Group]:
    """A small set of protein groups that explains all peptides (greedy set cover).

    `peptides` {sequence: (raw score, accessions)}. Groups with a peptide of their own come first; then the greedy choice: most
    new peptides, then highest summed score, then accession. A protein whose peptides other
    groups explain is dropped.
    """
    of_protein: dict[str, set[str]] = {}
    for sequence, (_, accessions) in peptides.items():
        for accession in accessions:
            of_protein.setdefault(accession, set()).add(sequence)
    alike: dict[frozenset[str], list[str]] = {}
    for accession in sorted(of_protein):
        alike.setdefault(frozenset(of_protein[accession]), []).append(accession)
    candidates = [Group(accessions, set(shared)) for shared, accessions in alike.items()]
    candidates.sort(key=lambda g: (-sum(peptides[p][0] for p in g.peptides), g.leader))
    holders: dict[str, list[Group]] = {}
    for group in candidates:
        for sequence in group.peptides:
            holders.setdefault(sequence, []).append(group)
    needed = {id(groups[0]) for groups in holders.values() if len(groups) == 1}
    chosen = [group for group in candidates if id(group) in needed]
    candidates = [group for group in candidates if id(group) not in needed]
    open_peptides = set(peptides).difference(*(group.peptides for group in chosen))
    while open_peptides:
        best = max(candidates, key=lambda g: len(g.peptides & open_peptides))
        open_peptides -= best.peptides
        candidates.remove(best)
        chosen.append(best)
    times: dict[str, int] = {}
    for group in chosen:
        for sequence in group.peptides:
            times[sequence] = times.get(sequence, 0) + 1
    for group in chosen:
        group.own = {sequence for sequence in group.peptides if times[sequence] == 1}
        group.score = max(peptides[p][0] for p in (group.own or group.peptides))
    return sorted(chosen, key=lambda g: g.leader)


def picked_q_values(groups: list[Group], prefix: str, correction: int) -> list[Group]:
    """Groups that win against their own decoy (or target), with q-values on the raw score; sorted by score."""
    import numpy as np

    for group in groups:
        group.is_decoy = all(a.startswith(prefix) for a in group.accessions)
    best: dict[str, Group] = {}
    for group in sorted(groups, key=lambda g: (-g.score, g.is_decoy, g.leader)):
        pair = group.leader.removeprefix(prefix)
        best.setdefault(pair, group)
    winners = list(best.values())
    scores = np.array([g.score for g in winners])
    decoys = np.array([g.is_decoy for g in winners], dtype=bool)
    for group, q in zip(winners, q_values(scores, decoys, correction), strict=True):
        group.q_value = float(q)
    return winners


def infer_groups(matches: "pd.DataFrame", settings: dict) -> list[Group]:
    """Target groups at the protein FDR with at least `min_peptides` own peptides, from pooled matches of all runs.

    The peptide FDR is taken first, over the pool; decoy peptides above the cut-off stay in, so that the protein level has its
    decoys. Scores are the raw ones: after an FDR step the scores are q-values and all tie.
    """
    best = best_peptides(matches)
    q = q_values(
        best["score"].to_numpy(float),
        best["is_decoy"].to_numpy(bool),
        settings["decoy_correction"],
    )
    kept = best[q <= settings["peptide_q_value"]]
    targets = {
        row.sequence: (row.score, _side(row.accessions, settings["decoy_prefix"], False))
        for row in kept[~kept["is_decoy"]].itertuples()
    }
    decoys = {
        row.sequence: (row.score, row.accessions.split(";"))
        for row in kept[kept["is_decoy"]].itertuples()
    }
    groups = group_proteins(targets) + group_proteins(decoys)
    winners = picked_q_values(
        groups, settings["decoy_prefix"], settings["protein_decoy_correction"]
    )
    return sorted(
        (
            g
            for g in winners
            if not g.is_decoy
            and g.q_value <= settings["protein_q_value"]
            and len(g.own) >= settings["min_peptides"]
        ),
        key=lambda g: g.leader,
    )


def _side(accessions: str, prefix: str, decoy: bool) -> list[str]:
    return [a for a in accessions.split(";") if a.startswith(prefix) == decoy]
