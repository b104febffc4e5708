import json

import numpy as np
import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.core.job import InputDefect
from scripts.proteomics.infer_proteins import dictionary_of, fit_reference, ion_areas, main

SETTINGS = default_config()["proteomics"]["dda"]
RNG = np.random.default_rng(3)
PROTEINS = pd.DataFrame(
    {
        "accession": [f"sp|Q{i}|X" for i in range(60)] + ["CON_K"],
        "gene": [f"G{i}" for i in range(60)] + [""],
        "name": "name",
        "length": "100",
        "contaminant": ["false"] * 60 + ["true"],
    }
)
OUTPUTS = ["ions=ions.parquet", "proteins=proteins.tsv", "dictionary=dictionary.tsv"]


def matches_of(subject, level=0.0, seen=range(60)):
    """Matches of a run: two peptides of every protein in `seen`, areas 2^(20 + level), one contaminant, one decoy."""
    rows = []
    for accession in [*(f"sp|Q{i}|X" for i in seen), "CON_K"]:
        for j in range(2):
            letters = "".join("ACDEFGHIL"[int(c)] for c in str(abs(hash_of(accession)) % 10**6))
            sequence = f"PEP{letters}{'K' if j else 'R'}"
            rows.append([sequence, accession, False, 30 + j, 0.001, 2 ** (20 + level + j)])
    rows.append(["WRONGK", "DECOY_sp|Q0|X", True, 5.0, 0.5, np.nan])
    table = pd.DataFrame(
        rows, columns=["sequence", "accessions", "is_decoy", "score", "q_value", "area"]
    )
    return table.assign(peptide=table["sequence"], charge=2, subject=subject, block="dda")


def hash_of(text):
    """A stable number of a text (only digits 0-8, so that it spells amino acids)."""
    number = sum(ord(c) * 31**i for i, c in enumerate(text))
    return int("".join(str(int(c) % 9) for c in str(number)[-6:]))


def pooled(runs=4, **kwargs):
    return pd.concat(
        [matches_of(f"R{r}", 0.1 * r, **kwargs) for r in range(runs)], ignore_index=True
    )


def test_largest_area_of_an_ion_counts_and_unsure_matches_do_not():
    table = matches_of("R0", seen=[0])
    twice = pd.concat([table, table.assign(area=table["area"] * 4)], ignore_index=True)
    unsure = table.assign(area=table["area"] * 64, q_value=0.02)
    found = ion_areas(pd.concat([twice, unsure], ignore_index=True), 0.01)["R0"]
    assert found.max() == 23  # 2^(20 + 1) x 4


def test_reference_holds_proteins_without_contaminants_and_decoys():
    ions, proteins = fit_reference(pooled(), PROTEINS, SETTINGS)
    assert len(proteins) == len(set(proteins["feature"])) > 40
    assert not proteins["accessions"].str.contains("CON_|DECOY_").any()
    assert proteins["feature"].iloc[0].startswith("G0_Q0")
    assert set(ions["protein"]) == set(proteins["protein"])
    # the second peptide of every protein is twice as intense: effects -0.5 and +0.5 by hand
    assert np.allclose(np.sort(ions["effect"].unique().round(6)), [-0.5, 0.5])


def test_protein_seen_in_one_of_four_runs_is_left_out():
    some = pd.concat([matches_of("R0"), *(matches_of(f"R{r}", seen=range(30)) for r in (1, 2, 3))])
    found = fit_reference(some.reset_index(drop=True), PROTEINS, SETTINGS)[1]["protein"]
    assert "sp|Q5|X" in set(found) and "sp|Q45|X" not in set(found)  # 75 % missing > 65 %


def test_nothing_quantified_is_a_defect():
    with pytest.raises(InputDefect, match="no protein with >= 2 peptides"):
        fit_reference(pooled().assign(area=np.nan), PROTEINS, SETTINGS)


def test_tissue_is_annotation_and_counts_are_qc():
    _, proteins = fit_reference(pooled(), PROTEINS, SETTINGS)
    roles = {f.feature: f.role for f in dictionary_of(proteins, "dda")}
    assert roles["qc_psms"] == "qc" and roles[proteins["feature"][0]] == "predictor"
    assert dictionary_of(proteins, "dda_tumour")[0].role == "annotation"


def run_fit(by_hand, tmp_path, verdicts):
    """The step on one run per verdict."""
    good = '{"verdict": "pass", "reasons": [], "blocks": {}}'
    (tmp_path / "db.json").write_text(good)
    PROTEINS.to_csv(tmp_path / "proteins.tsv", sep="\t", index=False)
    inputs = [
        f"database_proteins={tmp_path / 'proteins.tsv'}",
        f"database_status={tmp_path / 'db.json'}",
    ]
    for number, verdict in enumerate(verdicts):
        status = {
            "verdict": "pass",
            "reasons": [],
            "blocks": {"dda": {"verdict": verdict, "reasons": []}},
        }
        (tmp_path / f"{number}.json").write_text(json.dumps(status))
        matches_of("x", seen=range(60 if verdict == "pass" else 1)).drop(
            columns="subject"
        ).to_parquet(tmp_path / f"{number}.parquet")
        inputs += [
            f"psms={tmp_path / f'{number}.parquet'}",
            f"statuses={tmp_path / f'{number}.json'}",
        ]
    subjects = [f"P{number}" for number in range(len(verdicts))]
    params = ["settings=@proteomics.dda", f"subjects=[{', '.join(subjects)}]"]
    return by_hand(main, inputs, OUTPUTS, params, "block=dda")


def test_failed_runs_do_not_enter_the_reference(by_hand, tmp_path):
    # were the second run counted, every protein would be missing in half of the runs
    code, _ = run_fit(by_hand, tmp_path, ["pass", "fail", "fail", "fail"])
    proteins = pd.read_csv(tmp_path / "out" / "proteins.tsv", sep="\t")
    assert code == 0 and len(proteins) > 40


def test_no_usable_development_run_is_said_and_a_dictionary_stands(by_hand, reasons, tmp_path):
    code, status = run_fit(by_hand, tmp_path, ["fail"])
    assert code == 2 and "no development run passed" in reasons(status)
    assert (tmp_path / "out" / "dictionary.tsv").read_text().startswith("feature\tdescription")
