import pandas as pd

from scripts.core.config import default_config
from scripts.proteomics.protein_groups import group_proteins, infer_groups

SETTINGS = default_config()["proteomics"]["dda"]


def peptides_of(**proteins):
    """{peptide: (score, accessions)} from accession="peptide peptide"."""
    found = {}
    for accession, text in proteins.items():
        for peptide in text.split():
            found.setdefault(peptide, []).append(accession)
    return {p: (1.0, a) for p, a in found.items()}


def test_proteins_with_the_same_peptides_are_one_group():
    (group,) = group_proteins(peptides_of(A="p q", B="p q"))
    assert group.accessions == ["A", "B"] and group.own == {"p", "q"}


def test_subset_protein_is_dropped_and_its_peptides_stay_with_the_larger():
    groups = group_proteins(peptides_of(A="p q r", B="p q"))
    assert [g.leader for g in groups] == ["A"]


def test_shared_peptide_belongs_to_no_group_alone():
    a, b = group_proteins(peptides_of(A="p s", B="q s"))
    assert a.own == {"p"} and b.own == {"q"}


def test_greedy_cover_explains_everything_with_the_fewest():
    # C explains all that A and B share; no protein has a peptide of its own but C
    groups = group_proteins(peptides_of(A="p q", B="r s", C="p q r s t"))
    assert [g.leader for g in groups] == ["C"]


def matches(rows):
    return pd.DataFrame(rows, columns=["sequence", "score", "is_decoy", "accessions"])


def target_rows(n, score=50.0):
    return [[f"T{i}_{j}", score - i * 0.01, False, f"P{i}"] for i in range(n) for j in range(2)]


def test_protein_with_a_better_decoy_loses_the_pair():
    rows = target_rows(100) + [["BAD1", 40, False, "X"], ["BAD2", 40, False, "X"]]
    rows += [["DEC", 45, True, "DECOY_X"]]
    leaders = [g.leader for g in infer_groups(matches(rows), SETTINGS)]
    assert "P0" in leaders and "X" not in leaders


def test_a_single_peptide_is_not_enough():
    rows = target_rows(100) + [["LONE", 60, False, "L"]]
    leaders = [g.leader for g in infer_groups(matches(rows), SETTINGS)]
    assert len(leaders) == 100 and "L" not in leaders


def test_decoys_among_the_targets_cost_the_weak_proteins():
    # below the third decoy more than 1 % are decoys: (2 + 1) / 202 peptides
    rows = target_rows(100) + [[f"D{i}", 30.0, True, f"DECOY_Q{i}"] for i in range(3)]
    rows += [[f"W{i}_{j}", 20.0, False, f"W{i}"] for i in range(5) for j in range(2)]
    leaders = [g.leader for g in infer_groups(matches(rows), SETTINGS)]
    assert len(leaders) == 100 and not any(name.startswith("W") for name in leaders)
