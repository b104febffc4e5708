import base64
import gzip
import re
import zlib

import numpy as np
import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.core.job import InputDefect
from scripts.demo.mzml_writer import Spectrum, write_mzml
from scripts.proteomics import prepare_database
from scripts.proteomics.search_spectra import (
    main,
    read_database,
    search_run,
    why_nothing_identified,
)
from scripts.proteomics.spectra import ms2_resolution, read_run

SETTINGS = default_config()["proteomics"]["dda"]
OUTPUTS = ["psms=psms.parquet"]


def make_database(fasta, folder):
    """Target-decoy FASTA of a FASTA file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "target_decoy.fasta"
    proteins = prepare_database.read_fasta(fasta)
    prepare_database.write_target_decoy(path, proteins, SETTINGS["decoy_prefix"])
    return path


@pytest.fixture(scope="module")
def database(demo_proteomics, tmp_path_factory):
    return make_database(
        demo_proteomics / "reference" / "proteins.fasta", tmp_path_factory.mktemp("db")
    )


@pytest.fixture
def inputs(database, tmp_path):
    """Inputs of the step for a run; the database passed."""
    status = tmp_path / "db.status.json"
    status.write_text('{"verdict": "pass", "reasons": [], "blocks": {}}')
    return lambda run: [f"runs={run}", f"database={database}", f"database_status={status}"]


def test_demo_run_is_searched_at_high_resolution_with_areas(demo_proteomics, database):
    run = demo_proteomics / "raw" / "dda" / "P0002.mzML"
    matches, counts = search_run(str(run), "A1", read_database(str(database)), SETTINGS)
    assert counts["resolution"] == "high"
    assert counts["identified"] >= 150
    good = matches[(matches["q_value"] <= 0.01) & ~matches["is_decoy"]]
    assert good["accessions"].str.startswith("sp|").all()
    # counts x seconds: a peak of 2^13 counts or more and 5 s has an area above 1e4. The search engine normalises the
    # experiment that it is given: areas taken after it would be below 100.
    assert good["area"].median() > 1e5
    assert (good["mass_error_ppm"].abs() < 10).all()


def test_what_the_engine_prints_goes_to_the_log(demo_proteomics, inputs, by_hand, tmp_path, capfd):
    run = demo_proteomics / "raw" / "dda" / "P0002.mzML"
    by_hand(main, inputs(run), OUTPUTS, ["settings=@proteomics.dda"])
    assert "Peptide statistics" not in capfd.readouterr().out
    log = (tmp_path / "out" / "step.log").read_text()
    assert "Peptide statistics" in log and "peak memory" in log


def test_search_is_the_same_twice(demo_proteomics, inputs, by_hand, tmp_path):
    run = demo_proteomics / "raw" / "dda" / "P0002.mzML"
    assert by_hand(main, inputs(run), OUTPUTS, ["settings=@proteomics.dda"])[0] == 0
    first = (tmp_path / "out" / "psms.parquet").read_bytes()
    by_hand(main, inputs(run), OUTPUTS, ["settings=@proteomics.dda"])
    assert (tmp_path / "out" / "psms.parquet").read_bytes() == first


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (lambda text: text[: len(text) // 2], "truncated"),
        (lambda text: "", "empty"),
        (lambda text: "MZ\tINTENSITY\n1\t2\n", "no mzML"),
        (lambda text: re.sub("<cvParam cvRef", "<cvParam <", text, count=400), "damaged"),
        (
            lambda text: re.sub(r'<cvParam [^>]*name="scan start time"[^>]*/>', "", text),
            "scans carry no time",
        ),
        (
            lambda text: re.sub(
                r"<spectrum [^\n]*ms level\" value=\"2\"[^\n]*\n| count=\"[0-9]+\"(?= defaultData)",
                "",
                text,
            ),
            "no MS2 spectra",
        ),
    ],
)
def test_bad_run_is_verdict_fail_and_exit_2(
    demo_proteomics, inputs, by_hand, reasons, tmp_path, cut, reason
):
    run = tmp_path / "run.mzML"
    run.write_text(cut((demo_proteomics / "raw" / "dda" / "P0002.mzML").read_text()))
    code, status = by_hand(main, inputs(run), OUTPUTS, ["settings=@proteomics.dda"])
    assert code == 2 and reason in reasons(status)
    assert str(tmp_path) not in reasons(status)
    assert pd.read_parquet(tmp_path / "out" / "psms.parquet").empty


def test_truncated_gz_is_seen(demo_proteomics, tmp_path):
    run = tmp_path / "run.mzML.gz"
    packed = gzip.compress((demo_proteomics / "raw" / "dda" / "P0002.mzML").read_bytes())
    run.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputDefect, match="truncated"):
        read_run(run, "A1", SETTINGS)


@pytest.mark.parametrize("said", [True, False], ids=["as the file says", "as the data show"])
def test_profile_ms1_is_picked_and_centroid_ms2_is_left_alone(tmp_path, said):
    """The usual Orbitrap file: MS1 in profile, MS2 centroided by the instrument."""
    around = np.linspace(-0.05, 0.05, 21)
    peak = 1e4 * np.exp(-0.5 * (around / 0.012) ** 2)
    fragments = np.array([100.0, 100.02, 100.05, 200.0, 300.0])
    spectra = []
    for scan in range(40):
        mz = np.concatenate([m + around for m in (300.1, 410.2, 500.3)])
        spectra.append(Spectrum(1, scan + 0.0, mz, np.tile(peak, 3)))
        heights = np.array([10.0, 50.0, 20.0, 70.0, 5.0])
        spectra.append(Spectrum(2, scan + 0.5, fragments, heights, 410.2, 2))
    path = tmp_path / "run.mzML"
    write_mzml(path, spectra)
    centroid = '<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum"/>'
    profile = '<cvParam cvRef="MS" accession="MS:1000128" name="profile spectrum"/>'
    text = path.read_text()
    if said:
        text = text.replace(f'value="1"/>{centroid}', f'value="1"/>{profile}')
    else:
        text = text.replace(centroid, "")
    path.write_text(text)
    run = read_run(path, "A1", SETTINGS).experiment
    sizes = {(s.getMSLevel(), s.size()) for s in run}
    assert sizes == {(1, 3), (2, 5)}
    ms1 = next(s for s in run if s.getMSLevel() == 1)
    assert ms1.get_peaks()[0] == pytest.approx([300.1, 410.2, 500.3], abs=2e-3)


def test_failed_database_fails_the_patient_with_its_reason(
    demo_proteomics, database, by_hand, reasons, tmp_path
):
    status = tmp_path / "db.status.json"
    status.write_text('{"verdict": "fail", "reasons": ["no protein"], "blocks": {}}')
    run = demo_proteomics / "raw" / "dda" / "P0002.mzML"
    given = [f"runs={run}", f"database={database}", f"database_status={status}"]
    code, found = by_hand(main, given, OUTPUTS, ["settings=@proteomics.dda"])
    assert code == 2 and reasons(found) == "no protein"


def searched(path, database):
    """Good matches by precursor, and counts, of a run of the demo."""
    matches, counts = search_run(str(path), "A1", read_database(str(database)), SETTINGS)
    good = matches[(matches["q_value"] <= 0.01) & ~matches["is_decoy"]]
    return good.groupby(["peptide", "charge"])["area"].max(), counts


def test_times_in_milliseconds_and_profile_labels_change_nothing(
    demo_proteomics, database, tmp_path
):
    run = demo_proteomics / "raw" / "dda" / "P0002.mzML"
    areas, counts = searched(run, database)
    text = run.read_text().replace("MS:1000127", "MS:1000128")
    text = re.sub(
        r'value="([0-9.]+)" unitCvRef="UO" unitAccession="UO:0000010" unitName="second"',
        lambda m: f'value="{1000 * float(m[1])}" unitCvRef="UO" unitAccession="UO:0000028"',
        text,
    )
    other = tmp_path / "other.mzML"
    other.write_text(text)
    same, again = searched(other, database)
    pd.testing.assert_series_equal(areas, same, rtol=1e-6)
    assert again["end"] == pytest.approx(counts["end"])


def test_lock_mass_is_left_out_and_voltages_are_kept_apart(demo_proteomics, database, tmp_path):
    """Every cycle twice, under two voltages; the second hardly lets a precursor pass. A lock mass beside them."""
    run = demo_proteomics / "raw" / "dda" / "P0002.mzML"
    areas, _ = searched(run, database)
    lines = run.read_text().splitlines(keepends=True)
    out, number = [], 0
    for line in lines:
        if not line.startswith("<spectrum "):
            out.append(line)
            continue
        level = re.search(r'ms level" value="(\d)"', line)[1]
        time = float(re.search(r'start time" value="([0-9.]+)"', line)[1])
        copies = [(0.0, "-45")] if level == "2" else [(0.0, "-45"), (0.01, "-65")]
        for later, volt in copies:
            number += 1
            new = re.sub(r'id="[^"]*"', f'id="function=1 process=0 scan={number}"', line, count=1)
            new = new.replace(f'value="{time:.3f}"', f'value="{time + later:.3f}"')
            scan = f'<scan><cvParam cvRef="MS" accession="MS:1001581" name="FAIMS" value="{volt}"/>'
            new = new.replace("<scan>", scan)
            if volt == "-65":  # another m/z: nothing of these precursors passes
                new = re.sub(
                    r"(MS:1000515.*?<binary>)[^<]*",
                    lambda m, line=line: m[1] + empty_like(line),
                    new,
                )
            out.append(new)
    text = "".join(out)
    text = re.sub(r'<spectrumList count="\d+"', f'<spectrumList count="{number}"', text)
    path = tmp_path / "faims.mzML"
    path.write_text(text)
    found, counts = searched(path, database)
    both = areas.index.intersection(found.index)
    assert counts["ms1"] == 480 and len(both) > 0.9 * len(areas)
    assert np.abs(np.log2(found[both] / areas[both])).median() < 0.01


def empty_like(line):
    """Intensities of 1 for the peaks of a spectrum line, as its writer packs them."""
    size = int(re.search(r'defaultArrayLength="(\d+)"', line)[1])
    return base64.b64encode(zlib.compress(np.ones(size, "<f4").tobytes(), 6)).decode()


def test_mse_under_the_name_of_dda_is_refused(demo_proteomics, tmp_path):
    text = (demo_proteomics / "raw" / "dda" / "P0002.mzML").read_text()
    path = tmp_path / "mse.mzML"
    path.write_text(re.sub(r"<precursorList.*?</precursorList>", "", text))
    with pytest.raises(InputDefect, match="name no precursor ion"):
        read_run(path, "A1", SETTINGS)


def test_too_few_targets_are_said_honestly():
    counts = {"without_correction": 35, "targets": 400}
    assert "fewer than 100 targets cannot reach 1%" in why_nothing_identified(counts, SETTINGS)
    counts = {"without_correction": 400, "targets": 900}
    assert "decoys score as high" in why_nothing_identified(counts, SETTINGS)


@pytest.fixture(scope="module")
def bovine(testdata, tmp_path_factory):
    fasta = testdata / "ms" / "proteomics" / "18Protein_SoCe_Tr_detergents_trace.fasta.gz"
    return read_database(str(make_database(fasta, tmp_path_factory.mktemp("bovine"))))


def without_correction(run, database):
    """Matches of a real run at decoys/targets <= 1 % (no +1 rule), all matches, counts."""
    settings = SETTINGS | {"decoy_correction": 0}
    matches, counts = search_run(str(run), "A1", database, settings)
    return matches[(matches["q_value"] <= 0.01) & ~matches["is_decoy"]], matches, counts


@pytest.mark.real
@pytest.mark.parametrize(("name", "least"), [("BSA1", 30), ("BSA2", 22)])
def test_bsa_runs_of_openms_give_albumin_first(testdata, bovine, name, least):
    # least: PSMs at decoys/targets <= 0.01 measured for these runs with a 9,439-protein FASTA (low-resolution MS2)
    folder = testdata / "ms" / "proteomics"
    good, _, counts = without_correction(folder / f"{name}.mzML.gz", bovine)
    assert counts["resolution"] == "low"
    assert len(good) >= least
    proteins = good["accessions"].str.split(";").explode().value_counts()
    assert "P02769" in proteins.index[0]
    assert (
        good["accessions"].str.contains("_SORC5").sum() <= 2
    )  # not in the sample: wrong by construction
    omssa = (folder / f"{name}_OMSSA.idXML").read_text()
    theirs = {
        re.sub(r"\(.*?\)", "", s)
        for s in re.findall(r'PeptideHit [^>]*sequence="([A-Z()a-z:]+)"', omssa)
    }
    albumin = set(good.loc[good["accessions"].str.contains("P02769"), "sequence"])
    assert len(albumin & theirs) >= 12
    assert good["area"].notna().mean() > 0.5


@pytest.mark.real
def test_bsa_run_by_hand_says_that_100_targets_are_needed(testdata, by_hand, reasons, tmp_path):
    folder = testdata / "ms" / "proteomics"
    fasta = folder / "18Protein_SoCe_Tr_detergents_trace.fasta.gz"
    status = tmp_path / "db.status.json"
    status.write_text('{"verdict": "pass", "reasons": [], "blocks": {}}')
    given = [
        f"runs={folder / 'BSA1.mzML.gz'}",
        f"database={make_database(fasta, tmp_path)}",
        f"database_status={status}",
    ]
    code, found = by_hand(main, given, OUTPUTS, ["settings=@proteomics.dda"])
    assert code == 2
    assert "fewer than 100 targets cannot reach 1% with the +1 rule" in reasons(found)


@pytest.mark.real
def test_e_coli_run_without_ms1_is_identified_but_not_quantified(testdata, tmp_path):
    folder = testdata / "ms" / "proteomics"
    database = read_database(str(make_database(folder / "ecoli_target.fasta", tmp_path)))
    good, _, counts = without_correction(folder / "Ecoli_MS2_small.mzML", database)
    assert len(good) >= 60
    assert counts["ms1"] == 0 and good["area"].isna().all()


class WithoutFilterLine:
    """A spectrum of a run whose converter kept no filter lines."""

    def __init__(self, spectrum):
        self.getMSLevel, self.size = spectrum.getMSLevel, spectrum.size
        self.get_peaks = spectrum.get_peaks

    def metaValueExists(self, name):
        return False


@pytest.mark.real
def test_ion_trap_without_filter_lines_is_recognised_by_its_peaks(testdata):
    run = read_run(
        testdata / "ms" / "proteomics" / "Ecoli_MS2_small.mzML", "A1", SETTINGS
    ).experiment
    spectra = [WithoutFilterLine(spectrum) for spectrum in run]
    assert ms2_resolution(spectra, SETTINGS["gap_high_resolution"]) == "low"
