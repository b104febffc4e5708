import gzip
import json
import math

import pandas as pd
import pytest

from scripts.core.job import InputDefect
from scripts.proteomics.import_dia import main, mean_log2, read_run
from scripts.proteomics.protein_names import feature_name
from scripts.proteomics.protein_tables import recognise, run_name

SETTINGS = {"q_value": 0.01, "contaminant_prefixes": ["CON_", "contam_"], "min_proteins": 1}
OUTPUTS = ["row=row.json", "proteins=proteins.tsv"]


def table_of(tmp_path, rows, name="table.tsv", delimiter="\t"):
    path = tmp_path / name
    path.write_text("\n".join(delimiter.join(map(str, row)) for row in rows) + "\n")
    return path


def quantities(path, run="run1"):
    """{feature: quantity} of one run."""
    frame, _ = read_run(str(path), [run], SETTINGS, "A1")
    return dict(zip(frame["feature"], frame["quantity"], strict=True))


DIANN = [
    ["Run", "Protein.Group", "Genes", "PG.MaxLFQ", "Q.Value", "PG.Q.Value", "Global.PG.Q.Value"],
    ["run1", "P02771", "AFP", 1000, 0.001, 0.001, 0.001],
    ["run1", "P02771", "AFP", 1000, 0.002, 0.001, 0.001],
    ["run1", "P1;P2", "G1;G2", 500, 0.001, 0.001, 0.001],
    ["run1", "P02768", "ALB", 9000, 0.02, 0.001, 0.001],  # precursor above 1 %
    ["run1", "P02741", "CRP", 800, 0.001, 0.03, 0.001],  # protein of the run above 1 %
    ["run1", "P02787", "TF", 800, 0.001, 0.001, 0.02],  # protein of the experiment above 1 %
    ["run1", "P00738", "HP", 0, 0.001, 0.001, 0.001],  # no quantity
    ["run2", "P02768", "ALB", 7000, 0.001, 0.001, 0.001],
]


def test_diann_report_is_filtered_at_every_level(tmp_path):
    found = quantities(table_of(tmp_path, DIANN))
    assert found == {"AFP_P02771": 1000, feature_name(["P1", "P2"], "G1;G2"): 500}


def test_diann_parquet_gives_the_same(tmp_path):
    frame = pd.DataFrame(DIANN[1:], columns=DIANN[0])
    frame["Run"] = frame["Run"].astype("category")
    frame["Decoy"] = 0
    frame.to_parquet(tmp_path / "report.parquet")
    assert quantities(tmp_path / "report.parquet") == quantities(table_of(tmp_path, DIANN))


def test_a_row_does_not_depend_on_other_runs_of_the_table(tmp_path):
    alone = [row for row in DIANN if row[0] != "run2"]
    both, one = table_of(tmp_path, DIANN), table_of(tmp_path, alone, "alone.tsv")
    assert quantities(both) == quantities(one)


def test_diann_matrix_names_runs_by_their_files(tmp_path):
    path = table_of(
        tmp_path,
        [
            [
                "Protein.Group",
                "Protein.Names",
                "Genes",
                "First.Protein.Description",
                "D:\\x\\run1.raw",
                "D:\\x\\run2.raw",
            ],
            ["P02771", "FETA_HUMAN", "AFP", "Alpha-fetoprotein", 1000, 5],
            ["P02768", "ALBU_HUMAN", "ALB", "Albumin", "", 7],
        ],
    )
    assert quantities(path) == {"AFP_P02771": 1000}
    assert quantities(path, "run2") == {"AFP_P02771": 5, "ALB_P02768": 7}


def test_spectronaut_report_drops_filtered_imputed_and_decoys(tmp_path):
    path = table_of(
        tmp_path,
        [
            [
                "R.FileName",
                "PG.ProteinGroups",
                "PG.Genes",
                "PG.Quantity",
                "PG.Qvalue",
                "EG.Qvalue",
                "EG.IsDecoy",
                "EG.IsImputed",
            ],
            ["run1", "P02771", "AFP", "1000,5", "0,001", "0,001", "False", "False"],
            ["run1", "P02768", "ALB", "Filtered", "0,001", "0,001", "False", "False"],
            ["run1", "P02741", "CRP", "300", "0,001", "0,001", "True", "False"],
            ["run1", "P02787", "TF", "300", "0,001", "0,001", "False", "True"],
            ["run1", "P00738", "HP", "300", "0,2", "0,001", "False", "False"],
        ],
        "report.csv",
        ";",
    )
    assert quantities(path) == {"AFP_P02771": 1000.5}


def test_spectronaut_pivot(tmp_path):
    path = table_of(
        tmp_path,
        [
            [
                "PG.ProteinGroups",
                "PG.Genes",
                "[1] run1.raw.PG.Quantity",
                "[2] run10.raw.PG.Quantity",
            ],
            ["P02771", "AFP", 1000, 2],
            ["P02768", "ALB", "Filtered", 7],
        ],
    )
    assert quantities(path) == {"AFP_P02771": 1000}


def test_maxquant_takes_lfq_and_drops_reverse_contaminants_and_site_only(tmp_path):
    path = table_of(
        tmp_path,
        [
            ["Protein IDs", "Majority protein IDs", "Gene names", "Q-value", "Intensity run1", "LFQ intensity run1", "Reverse",
             "Potential contaminant", "Only identified by site"],
            ["P02771;X", "P02771", "AFP", 0, 9, 1000, "", "", ""],
            ["REV__P1", "REV__P1", "", 0, 9, 5, "+", "", ""],
            ["CON__P00761", "CON__P00761", "", 0, 9, 5, "", "+", ""],
            ["P3", "P3", "G3", 0, 9, 5, "", "", "+"],
            ["P4", "P4", "G4", 0.02, 9, 5, "", "", ""],
            ["P5", "P5", "G5", 0, 9, 0, "", "", ""],
        ],
    )  # fmt: skip
    assert quantities(path) == {"AFP_P02771": 1000}


def test_fragpipe_takes_maxlfq_and_drops_contaminants(tmp_path):
    path = table_of(
        tmp_path,
        [
            [
                "Protein",
                "Protein ID",
                "Gene",
                "Description",
                "run1 Spectral Count",
                "run1 Intensity",
                "run1 MaxLFQ Intensity",
            ],
            ["sp|P02771|FETA_HUMAN", "P02771", "AFP", "Alpha-fetoprotein", 5, 900, 1000],
            ["contam_sp|P00761|TRYP_PIG", "P00761", "", "Trypsin", 5, 900, 1000],
        ],
    )
    assert quantities(path) == {"AFP_P02771": 1000}


MZTAB = """MTD\tmzTab-version\t1.0.0
MTD\tprotein_search_engine_score[1]\t[MS, MS:1003117, OpenMS:Target-decoy protein q-value, ]
MTD\tms_run[1]-location\tfile:///data/run1.mzML
MTD\tms_run[2]-location\tfile:///data/run2.mzML
MTD\tassay[1]-ms_run_ref\tms_run[1]
MTD\tassay[2]-ms_run_ref\tms_run[2]

PRH\taccession\tdescription\tbest_search_engine_score[1]\tambiguity_members\tprotein_abundance_assay[1]\tprotein_abundance_assay[2]\topt_global_cv_PRIDE:0000303_decoy_hit\topt_global_result_type
PRT\tsp|P02771|FETA_HUMAN\tAlpha-fetoprotein\t0.001\tnull\t1000\tnull\t0\tsingle_protein
PRT\tsp|P02768|ALBU_HUMAN\tAlbumin\t0.001\tsp|P02768|ALBU_HUMAN,sp|P1|X\tnull\t70\t0\tindistinguishable_protein_group
PRT\tsp|P02768|ALBU_HUMAN\tAlbumin\t0.001\tnull\t5\t5\t0\tprotein_details
PRT\tsp|P02741|CRP_HUMAN\tCRP\t0.05\tnull\t5\t5\t0\tsingle_protein
PRT\tDECOY_P9\tx\t0.001\tnull\t5\t5\t1\tsingle_protein
"""


def test_mztab_of_quantms(tmp_path):
    path = tmp_path / "out.mzTab"
    path.write_text(MZTAB)
    assert quantities(path) == {"P02771": 1000}
    assert quantities(path, "run2") == {feature_name(["P02768", "P1"], ""): 70}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("sample\tvalue\nrun1\t3\n", "unknown table.*DIA-NN main report"),
        ("MTD\tmzTab-version\t1.0.0\n", "no protein quantities"),
        ("Run\tProtein.Group\tQ.Value\nrun1\tP1\t0\n", "no protein quantity"),
        ("Run\tProtein.Group\tQ.Value\tPG.MaxLFQ\nrun1\tP1\t0\t1\nrun1\tP1\n", "damaged"),
        ("Run\tProtein.Group\tQ.Value\tPG.MaxLFQ\nrun9\tP1\t0\t1\n", "not among the 1 runs"),
    ],
)
def test_bad_tables_are_named(tmp_path, text, reason):
    path = tmp_path / "t.tsv"
    path.write_text(text)
    with pytest.raises(InputDefect, match=reason):
        read_run(str(path), ["run1"], SETTINGS, "A1")


def test_damaged_parquet_and_binary_text_are_named(tmp_path):
    for name in ("t.parquet", "t.tsv"):
        (tmp_path / name).write_bytes(b"PAR1\xff\xfe\x00\x80" * 9)
        with pytest.raises(InputDefect, match="damaged|not a text table"):
            recognise(tmp_path / name, "A1")


@pytest.mark.parametrize("cut", [40, 220])
def test_mztab_with_a_line_cut_off_is_damaged(tmp_path, cut):
    path = tmp_path / "out.mzTab"
    path.write_text(MZTAB[:-cut])
    with pytest.raises(InputDefect, match="is it cut off"):
        quantities(path)


def test_cut_gzip_of_an_mztab_is_damaged(tmp_path):
    path = tmp_path / "out.mzTab.gz"
    path.write_bytes(gzip.compress(MZTAB.encode())[:-40])
    with pytest.raises(InputDefect, match="damaged or truncated"):
        quantities(path)


def test_two_assays_of_one_mztab_run_name_are_refused_not_mixed(tmp_path):
    path = tmp_path / "out.mzTab"
    path.write_text(MZTAB.replace("run2.mzML", "run1.mzML"))
    with pytest.raises(InputDefect, match="2 runs of the table are called run1"):
        quantities(path)


def test_matrix_with_one_run_in_two_columns_is_refused(tmp_path):
    rows = [["Protein.Group", "Genes", "run1.raw", "run1.raw"], ["P02771", "AFP", 1000, 5]]
    with pytest.raises(InputDefect, match="2 runs of the table are called run1"):
        quantities(table_of(tmp_path, rows))


def test_decoys_are_dropped_however_the_flag_is_stored(tmp_path):
    frame = pd.DataFrame(DIANN[1:], columns=DIANN[0])
    for flag in (1, 1.0, True):
        frame.assign(Decoy=flag).to_parquet(tmp_path / "report.parquet")
        assert quantities(tmp_path / "report.parquet") == {}


def test_infinite_quantities_are_missing(tmp_path):
    rows = [[("inf" if cell == 1000 else cell) for cell in row] for row in DIANN]
    assert set(quantities(table_of(tmp_path, rows))) == {feature_name(["P1", "P2"], "G1;G2")}


def test_missing_table_and_odd_header_are_named(tmp_path):
    with pytest.raises(InputDefect, match="there is no such file"):
        quantities(tmp_path / "none.tsv")
    rows = [[("PG.MaxLFQ " if cell == "PG.MaxLFQ" else cell) for cell in row] for row in DIANN]
    with pytest.raises(InputDefect, match="no protein quantity"):
        quantities(table_of(tmp_path, rows))


def test_two_runs_of_one_name_are_refused(tmp_path):
    rows = [DIANN[0], ["C:\\a\\run1.raw", *DIANN[1][1:]], ["C:\\b\\run1.raw", *DIANN[1][1:]]]
    with pytest.raises(InputDefect, match="2 runs of the table"):
        quantities(table_of(tmp_path, rows))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("D:\\data\\Plasma 01.raw", "Plasma_01"),
        ("/data/run1.mzML.gz", "run1"),
        ("run.2.d", "run_2"),
        ("run1", "run1"),
    ],
)
def test_run_names_as_the_sheets_write_them(text, name):
    assert run_name(text) == name


def test_feature_names_tell_groups_apart_and_are_stable():
    assert feature_name(["sp|P02771|FETA_HUMAN"], "AFP") == "AFP_P02771"
    assert feature_name(["P1", "P2"], "G") != feature_name(["P1", "P3"], "G")
    assert feature_name(["P1", "P2"], "G") == feature_name(["P1", "P2"], "G;H")
    assert feature_name(["P1"], "") == "P1"


def test_two_injections_are_averaged_in_log2():
    runs = [pd.DataFrame({"feature": ["A"], "quantity": [q]}) for q in (4.0, 16.0)]
    assert mean_log2(runs) == {"A": 3.0}


def test_row_by_hand(tmp_path, by_hand):
    settings = json.dumps(SETTINGS)
    table = table_of(tmp_path, DIANN)
    params = [f"settings={settings}", "names=[[nothing, run1]]", "assay_ids=[A1]"]
    code, status = by_hand(main, [f"tables={table}"], OUTPUTS, params)
    assert code == 0 and status["blocks"]["dia"]["verdict"] == "pass"
    row = json.loads((tmp_path / "out" / "row.json").read_text())["dia"]
    assert row["AFP_P02771"] == pytest.approx(math.log2(1000)) and row["qc_proteins"] == 2


def test_missing_run_by_hand_is_exit_2_and_no_row(tmp_path, by_hand, reasons):
    table = table_of(tmp_path, DIANN)
    params = ["settings=@proteomics.dia", "names=[[run7]]", "assay_ids=[A7]"]
    code, status = by_hand(main, [f"tables={table}"], OUTPUTS, params)
    assert code == 2 and "run run7 is not among the 2 runs" in reasons(status)
    assert json.loads((tmp_path / "out" / "row.json").read_text()) == {}


def test_too_few_proteins_fail(tmp_path, by_hand, reasons):
    params = ["settings=@proteomics.dia", "names=[[run1]]"]
    code, status = by_hand(main, [f"tables={table_of(tmp_path, DIANN)}"], OUTPUTS, params)
    assert code == 2 and "2 proteins (required: >= 30)" in reasons(status)


def diann(rows, **more):
    """A DIA-NN report: rows (run, group, quantity, channel or precursor ...)."""
    frame = pd.DataFrame(rows, columns=["Run", "Protein.Group", "PG.MaxLFQ", *more])
    return frame.assign(**{"Genes": frame["Protein.Group"], "Q.Value": 0.001, "PG.Q.Value": 0.001})


CHANNELS = [("run1", "P1", 100.0 * n, label) for n, label in enumerate(("0", "4", "8"), start=1)]


@pytest.mark.parametrize("kind", ["Channel", "Precursor.Id"])
def test_channels_are_read_by_name_and_never_taken_by_size(tmp_path, kind):
    rows = CHANNELS
    if kind == "Precursor.Id":
        rows = [(*row[:3], f"(mTRAQ-n-{row[3]})PEPTIDEK(mTRAQ-K-{row[3]})2") for row in CHANNELS]
    diann(rows, **{kind: ""}).to_parquet(tmp_path / "report.parquet")
    with pytest.raises(InputDefect, match=r"holds several channels \(0, 4, 8\).*run1_0"):
        quantities(tmp_path / "report.parquet")
    for _, _, quantity, label in CHANNELS:
        found = quantities(tmp_path / "report.parquet", f"run1_{label}")
        assert found == {"P1_P1": quantity}
    with pytest.raises(InputDefect, match="run1_6 is not among"):
        quantities(tmp_path / "report.parquet", "run1_6")


def test_a_report_without_labels_may_have_the_column(tmp_path):
    diann([(*row[:3], "") for row in CHANNELS[:1]], Channel="").to_parquet(tmp_path / "r.parquet")
    assert quantities(tmp_path / "r.parquet") == {"P1_P1": 100.0}


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (["Intensity L r1", "Intensity H r1", "Intensity r1"], "r1_H"),
        (["LFQ intensity L r1", "LFQ intensity H r1", "Intensity r1"], "r1_H"),
        (["Reporter intensity 1 r1", "Reporter intensity 2 r1", "Intensity r1"], "r1_2"),
    ],
)
def test_labelled_maxquant_tables_are_read_by_channel(tmp_path, columns, name):
    header = ["Protein IDs", "Majority protein IDs", *columns]
    path = table_of(tmp_path, [header, ["P1", "P1", 10, 20, 30]])
    assert list(quantities(path, name).values()) == [20.0]
    with pytest.raises(InputDefect, match="holds several channels"):
        quantities(path, "r1")


def test_a_contaminant_twin_is_no_protein_of_the_sample(tmp_path):
    rows = [("run1", "Cont_P4;P4", 900.0), ("run1", "P3", 1000.0), ("run1", "P5", 700.0)]
    frame = diann(rows).assign(**{"Protein.Ids": ["Cont_P4;P4", "P3;Cont_P9", "P5;Cont_P5"]})
    frame.to_parquet(tmp_path / "report.parquet")
    settings = SETTINGS | {"contaminant_prefixes": ["Cont_"]}
    found, _ = read_run(str(tmp_path / "report.parquet"), ["run1"], settings, "A1")
    assert found["accessions"].tolist() == ["P3"]


FRAGPIPE = ["Protein", "Protein ID", "Gene", "Description"]


def test_fragpipe_before_17_has_razor_intensities(tmp_path):
    header = [*FRAGPIPE, *(f"r1 {k} Intensity" for k in ("Total", "Unique", "Razor"))]
    rows = [
        header,
        ["sp|P1|A", "P1", "A", "", 10, 9, 8],
        ["contam_sp|P2|B", "P2", "B", "", 1, 1, 1],
    ]
    assert quantities(table_of(tmp_path, rows), "r1") == {"A_P1": 8.0}


def test_a_fragpipe_group_with_a_contaminant_is_left_out(tmp_path):
    header = [*FRAGPIPE, "Indistinguishable Proteins", "r1 Intensity"]
    rows = [header, ["sp|P1|A", "P1", "A", "", "contam_sp|P1|A, sp|P7|X", 5]]
    rows.append(["sp|P2|B", "P2", "B", "", "", 6])
    assert quantities(table_of(tmp_path, rows), "r1") == {"B_P2": 6.0}


@pytest.mark.parametrize(
    "header",
    [
        [*FRAGPIPE, "Total Intensity", "Unique Intensity", "Razor Intensity"],
        ["Protein IDs", "Majority protein IDs", "Intensity"],
    ],
)
def test_a_table_without_a_column_per_run_is_refused_for_that(tmp_path, header):
    path = table_of(tmp_path, [header, ["P1"] * len(header)])
    with pytest.raises(InputDefect, match="no quantity for each run"):
        quantities(path, "r1")


@pytest.mark.parametrize("kind", ["matrix", "pivot", "maxquant", "fragpipe", "mztab"])
def test_thousands_are_read_in_every_format(tmp_path, kind):
    cells = ["1.234,5", "234,5"]
    header, fixed = {
        "matrix": (["Protein.Group", "Genes", "run1"], ["{}", "G{}"]),
        "pivot": (["PG.ProteinGroups", "PG.Genes", "[1] run1.PG.Quantity"], ["{}", "G{}"]),
        "maxquant": (["Protein IDs", "Majority protein IDs", "Intensity run1"], ["{}", "{}"]),
        "fragpipe": (["Protein", "Protein ID", "run1 Intensity"], ["{}", "{}"]),
        "mztab": (["PRH", "accession", "description", "protein_abundance_assay[1]"], ["{}", "d"]),
    }[kind]
    first = ["PRT"] if kind == "mztab" else []
    rows = [
        header,
        *([*first, *(f.format(f"P{n}") for f in fixed), c] for n, c in enumerate(cells)),
    ]
    if kind == "mztab":
        rows = [
            ["MTD", "mzTab-version", "1.0.0"],
            ["MTD", "ms_run[1]-location", "file:///x/run1.raw"],
            ["MTD", "assay[1]-ms_run_ref", "ms_run[1]"],
            *rows,
        ]
    assert sorted(quantities(table_of(tmp_path, rows)).values()) == [234.5, 1234.5]
