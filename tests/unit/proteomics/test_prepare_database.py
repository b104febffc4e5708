import gzip

import pytest

from scripts.core.job import InputDefect
from scripts.proteomics.prepare_database import (
    Protein,
    decoy_sequence,
    decoys_among,
    main,
    read_fasta,
)

OUTPUTS = ["fasta=db.fasta", "proteins=proteins.tsv"]
SETTINGS = "settings=@proteomics.dda"


def test_decoy_reverses_every_tryptic_peptide_and_keeps_its_end():
    # by hand: MAGK | LLER | PSS -> GAMK | ELLR | SSP
    assert decoy_sequence("MAGKLLERPSS") == "GAMKELLRSSP"


def test_header_of_uniprot_is_understood(tmp_path):
    fasta = tmp_path / "x.fasta"
    fasta.write_text(
        ">sp|P02771|FETA_HUMAN Alpha-fetoprotein OS=Homo sapiens OX=9606 GN=AFP PE=1\nMKWV\nES*\n"
    )
    (protein,) = read_fasta(fasta)
    assert (protein.accession, protein.gene) == ("sp|P02771|FETA_HUMAN", "AFP")
    assert (protein.name, protein.sequence) == ("Alpha-fetoprotein", "MKWVES")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no protein"),
        ("MKWV\n", "before the first header"),
        (">A\n>B\nMK\n", "protein A has no sequence"),
        (">A x\nMK\n>A y\nMR\n", "stands twice"),
        (">A\nACGTACGTN\n", "nucleotides"),
        (">A\nMK1\n", "line 2: not a protein sequence"),
    ],
)
def test_bad_fasta_is_named(tmp_path, text, reason):
    fasta = tmp_path / "x.fasta"
    fasta.write_text(text)
    with pytest.raises(InputDefect, match=reason):
        read_fasta(fasta)


def test_truncated_gz_is_a_defect(tmp_path):
    fasta = tmp_path / "x.fasta.gz"
    fasta.write_bytes(gzip.compress(b">A\n" + b"MKWVTFISLLFLFSSAYSRGVFRR" * 500)[:60])
    with pytest.raises(InputDefect, match="truncated"):
        read_fasta(fasta)


def test_no_fasta_at_all_is_verdict_fail_and_exit_2(by_hand, reasons):
    code, status = by_hand(main, [], OUTPUTS, [SETTINGS], "subject=cohort")
    assert code == 2 and status["verdict"] == "fail"
    assert "needs a protein FASTA" in reasons(status)


def test_database_holds_target_and_decoy_of_every_protein(by_hand, tmp_path):
    fasta = tmp_path / "x.fasta"
    fasta.write_text(">A GN=G1\nMAGKLLER\n>CON_K\nPEPTIDEK\n")
    code, status = by_hand(main, [f"fasta={fasta}"], OUTPUTS, [SETTINGS], "subject=cohort")
    assert code == 0 and status["verdict"] == "pass"
    lines = (tmp_path / "out" / "db.fasta").read_text().split()
    assert lines[0::2] == [">A", ">DECOY_A", ">CON_K", ">DECOY_CON_K"]
    table = [
        line.split("\t") for line in (tmp_path / "out" / "proteins.tsv").read_text().splitlines()
    ]
    assert [row[4] for row in table] == ["contaminant", "false", "true"]


SEQUENCES = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ", "MSTNPKPQRKTKRNTNRRPQDVKFPGGGQIVGGV"]
MARKS = ["rev_{}", "REV__{}", "XXX_{}", "decoy_{}", "DECOY_{}", "reverse_{}", "##{}", "{}_REVERSED"]


def entries(*pairs):
    return [Protein(accession, "", "", sequence) for accession, sequence in pairs]


@pytest.mark.parametrize("mark", [*MARKS, "sp|rev_{0}|N{0}", "rev_sp|{0}|N{0}", "tr|{0}|N{0}_rev"])
def test_a_fasta_with_decoys_is_refused_and_says_so(by_hand, reasons, tmp_path, mark):
    lines = []
    for number, sequence in enumerate(SEQUENCES):
        target = mark if "|" in mark else "{0}"
        for word in ("rev_", "_rev"):
            target = target.replace(word, "")
        lines += [f">{target.format(f'P{number}')}", sequence]
        lines += [f">{mark.format(f'P{number}')}", sequence[2:] + sequence[:2]]  # shuffled
    fasta = tmp_path / "x.fasta"
    fasta.write_text("\n".join(lines) + "\n")
    code, status = by_hand(main, [f"fasta={fasta}"], OUTPUTS, [SETTINGS], "subject=cohort")
    assert code == 2 and "2 of 4 entries are decoys already" in reasons(status)


@pytest.mark.parametrize(
    "backwards", [lambda s: s[::-1], lambda s: s[0] + s[:0:-1], decoy_sequence]
)
def test_decoys_without_a_mark_are_known_by_their_sequence(backwards):
    proteins = entries(
        *((f"P{n}", s) for n, s in enumerate(SEQUENCES)),
        *((f"Q{n}", backwards(s)) for n, s in enumerate(SEQUENCES)),
    )
    assert [p.accession for p in decoys_among(proteins, "DECOY_")] == ["Q0", "Q1"]
    assert decoys_among(proteins[:2], "DECOY_") == []


def test_a_protein_called_rev_is_no_decoy():
    others = [(f"P{n}", SEQUENCES[0]) for n in range(20)]
    assert decoys_among(entries(*others, ("REV_HV1BR", SEQUENCES[1])), "DECOY_") == []
    assert decoys_among(entries(*others, ("sp|P04618|REV_HV1BR", SEQUENCES[1])), "DECOY_") == []


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["18Protein_SoCe_Tr_detergents_trace.fasta.gz", "ecoli_target.fasta"]
)
def test_real_databases_hold_targets_only(testdata, name):
    assert decoys_among(read_fasta(testdata / "ms/proteomics" / name), "DECOY_") == []
