"""The dictionary says what every feature is, and knows every feature that extraction makes."""

import pytest

from scripts.imaging import describe_imaging


def test_every_feature_of_a_ct_row_is_described(ct, run, settings):
    settings["ct"]["radiomics"] |= {"image_types": ["original", "log"], "log_sigma_mm": [3.0]}
    row = run([ct()], extract=True).row["ct_portal"]
    known = {f.feature: f for f in describe_imaging.dictionary("ct", settings["ct"])}
    assert set(row) <= set(known)
    assert {n for n in row if known[n].role == "qc"} == {n for n in row if n.startswith("qc_")}


def test_every_wavelet_feature_of_thick_slices_is_described(ct, run, settings):
    settings["ct"]["radiomics"] |= {"image_types": ["wavelet"]}
    row = run([ct(spacing=(3.0, 2.0, 2.0))], extract=True).row["ct_portal"]
    known = {f.feature for f in describe_imaging.dictionary("ct", settings["ct"])}
    assert "wavelet-LH_glcm_Contrast" in row and set(row) <= known


def test_every_feature_of_an_ultrasound_row_is_described(ultrasound, run, settings):
    row = run([ultrasound()], "us", extract=True).row["us"]
    known = {f.feature for f in describe_imaging.dictionary("us", settings["us"])}
    assert set(row) <= known


def test_units_sources_and_kurtosis(settings):
    known = {f.feature: f for f in describe_imaging.dictionary("ct", settings["ct"])}
    assert known["original_shape_MeshVolume"].unit == "mm3"
    assert known["original_firstorder_Mean"].unit == "HU"
    assert known["original_glcm_Contrast"].source == "IBSI 1, cm_contrast_3D_avg"
    assert "excess" in known["original_firstorder_Kurtosis"].description
    assert len(known) == len(describe_imaging.dictionary("ct", settings["ct"]))
    settings["ct"]["radiomics"]["mode"] = "stock"
    stock = {f.feature: f for f in describe_imaging.dictionary("ct", settings["ct"])}
    assert "excess" not in stock["original_firstorder_Kurtosis"].description
    assert stock["original_glcm_Contrast"].source.startswith("pyradiomics")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LongRunHighGrayLevelEmphasis", "long run high gray level emphasis"),
        ("Maximum3DDiameter", "maximum 3D diameter"),
        ("10Percentile", "10 percentile"),
        ("Imc1", "imc 1"),
    ],
)
def test_names_as_words(name, text):
    assert describe_imaging.words(name) == text
