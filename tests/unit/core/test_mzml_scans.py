import gzip
import math

import pytest

from scripts.core.mzml_scans import MzmlProblem, read_scans
from tests.made_up_runs import Made, lc_run, write_run

PEAK = [100.0, 200.0], [1.0, 2.0]


@pytest.mark.parametrize(
    ("unit", "factor"), [("second", 1.0), ("minute", 1 / 60), ("millisecond", 1000.0)]
)
def test_a_time_is_read_by_its_unit(tmp_path, unit, factor):
    scans, declared = read_scans(write_run(tmp_path / "r.mzML", lc_run(1, 3, 20), unit, factor))
    assert declared == len(scans) == 20
    assert [scan.seconds for scan in scans] == pytest.approx([float(k) for k in range(20)])


def test_a_time_without_unit_is_no_time_in_seconds(tmp_path):
    scans, _ = read_scans(write_run(tmp_path / "r.mzML", lc_run(1, 3, 20), "none"))
    assert scans[3].number == 3 and math.isnan(scans[3].seconds)


def test_an_unknown_unit_is_kept_by_name(tmp_path):
    path = write_run(tmp_path / "r.mzML", lc_run(1, 3, 20))
    text = path.read_text().replace('"UO:0000010" unitName="second"', '"UO:0000033" unitName="day"')
    path.write_text(text)
    scans, _ = read_scans(path)
    assert scans[0].unit == "day" and math.isnan(scans[0].seconds)


def test_what_a_file_says_of_a_spectrum(tmp_path):
    given = [
        Made(0.0, *PEAK, id="function=1 process=0 scan=1", polarity="negative"),
        Made(1.0, *PEAK, id="function=2 process=0 scan=1", energy=35.0, label="profile"),
        Made(2.0, *PEAK, id="sample=1 period=1 cycle=1 experiment=3", level=2, precursor=500.0),
        Made(3.0, *PEAK, id="scan=4", voltage=-45.0, polarity=""),
    ]
    scans, _ = read_scans(write_run(tmp_path / "r.mzML", given))
    assert [scan.function for scan in scans] == [1, 2, 3, 0]
    assert [scan.polarity for scan in scans] == ["negative", "positive", "positive", ""]
    assert [scan.label for scan in scans] == ["centroid", "profile", "centroid", "centroid"]
    assert [scan.energy for scan in scans] == [None, 35.0, None, None]
    assert [scan.voltage for scan in scans] == [None, None, None, -45.0]
    assert [(scan.level, scan.precursor) for scan in scans][2:] == [(2, True), (1, False)]


def test_terms_of_a_shared_group_and_spectra_of_light(tmp_path):
    path = write_run(tmp_path / "r.mzML", [Made(0.0, *PEAK, polarity=""), Made(1.0, *PEAK)])
    group = (
        '<referenceableParamGroupList count="1"><referenceableParamGroup id="G">'
        '<cvParam cvRef="MS" accession="MS:1000129" name="negative scan"/></referenceableParamGroup>'
        "</referenceableParamGroupList><softwareList"
    )
    text = path.read_text().replace("<softwareList", group, 1)
    text = text.replace(
        'defaultArrayLength="2">', 'defaultArrayLength="2"><referenceableParamGroupRef ref="G"/>', 1
    )
    text = text.replace('"MS:1000130" name="positive scan"', '"MS:1000804" name="light"')
    path.write_text(text)
    scans, _ = read_scans(path)
    assert scans[0].polarity == "negative" and scans[1].level == 0


@pytest.mark.parametrize(
    "code", ["missing", "empty", "packed", "not_mzml", "doctype", "truncated", "damaged"]
)
def test_why_a_file_cannot_be_listed(tmp_path, code):
    path = write_run(tmp_path / "r.mzML", lc_run(1, 3, 20))
    data = path.read_bytes()
    if code == "missing":
        path = tmp_path / "other.mzML"
    elif code == "empty":
        path.write_bytes(b"")
    elif code == "packed":
        path.write_bytes(gzip.compress(data)[:500])
    elif code == "not_mzml":
        path.write_bytes(b"<mzXML></mzXML>")
    elif code == "doctype":
        path = write_run(path, lc_run(1, 3, 25), doctype='<!DOCTYPE mzML SYSTEM "e.dtd">\n')
    elif code == "truncated":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.write_bytes(data + b"<more/>")
    with pytest.raises(MzmlProblem) as problem:
        read_scans(path)
    assert problem.value.code == code
