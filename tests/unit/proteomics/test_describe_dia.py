from scripts.proteomics.describe_dia import main

HEADER = "block\tfeature\tgene\taccessions\tname\tsource\n"


def lines_of(tmp_path):
    return [line.split("\t") for line in (tmp_path / "out" / "d.tsv").read_text().splitlines()]


def test_every_protein_of_the_block_is_described_once(tmp_path, by_hand):
    for number, text in enumerate(
        ["dia\tAFP_P02771\tAFP\tP02771\tAlpha-fetoprotein\tDIA-NN main report\n"] * 2
    ):
        (tmp_path / f"{number}.tsv").write_text(HEADER + text + "dia_tumour\tX\tX\tX\tX\tx\n")
    inputs = [f"proteins={tmp_path / f'{n}.tsv'}" for n in range(2)]
    code, _ = by_hand(main, inputs, ["dictionary=d.tsv"], (), "block=dia")
    rows = lines_of(tmp_path)
    assert code == 0
    assert [row[0] for row in rows] == ["feature", "AFP_P02771", "qc_proteins"]
    assert rows[1][1:4] == ["Alpha-fetoprotein (P02771)", "log2 quantity", "predictor"]


def test_tissue_is_annotation(tmp_path, by_hand):
    (tmp_path / "0.tsv").write_text(HEADER + "dia_tumour\tAFP_P02771\tAFP\tP02771\tA\ts\n")
    by_hand(main, [f"proteins={tmp_path / '0.tsv'}"], ["dictionary=d.tsv"], (), "block=dia_tumour")
    assert lines_of(tmp_path)[1][3] == "annotation"
