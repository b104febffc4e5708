import gzip
import json
import re

import numpy as np
import pytest

from scripts.metabolomics.detect_lcms import find_features, load_features, noise_level
from scripts.metabolomics.ion_chromatograms import load_centroids
from scripts.metabolomics.mass_spectra import Centroids, read_ms1


def made_up(noise=100.0, seed=0):
    """40 scans with one peak of m/z 200.1 and transient points of log-normal height around `noise`."""
    rng = np.random.default_rng(seed)
    scans = np.repeat(np.arange(40), 101)
    mz = rng.uniform(100, 900, scans.size)
    height = noise * rng.lognormal(0, 0.3, scans.size)
    mz[::101] = 200.1
    height[::101] = 1e6 * np.exp(-0.5 * ((np.arange(40) - 20) / 2.0) ** 2) + 1
    order = np.lexsort((mz, scans))
    return Centroids(
        np.arange(40.0), scans[order].astype("int32"), mz[order], height[order].astype("float32")
    )


def test_noise_follows_the_transient_points_not_the_peaks():
    # 95 % quantile of exp(0.3 N(0,1)) is exp(0.3 * 1.645) = 1.64
    assert noise_level(made_up(100.0), 15, 0.95) == pytest.approx(164, rel=0.05)
    assert noise_level(made_up(1000.0), 15, 0.95) == pytest.approx(1640, rel=0.05)


def test_one_peak_becomes_one_feature_at_its_apex(lcms):
    run = made_up()
    found = find_features(run, noise_level(run, 15, 0.95), lcms)
    assert found.size == 1
    assert found.mz[0] == pytest.approx(200.1, abs=1e-3)
    assert found.rt[0] == pytest.approx(20.0, abs=0.5)


def test_profile_data_are_centroided_with_a_record_or_refused(mzml, detect_by_hand):
    path = mzml(profile=True)
    code, status, out = detect_by_hand(path)
    assert (code, status["verdict"]) == (0, "pass")
    records = [json.loads(line) for line in (out / "l.jsonl").read_text().splitlines()]
    assert any("PeakPickerHiRes" in str(r["value"]) for r in records)
    assert np.abs(load_centroids(out / "c.npz").mz - 150.05).min() < 2e-3
    code, status, _ = detect_by_hand(path, profile="refuse")
    assert code == 2 and "profile" in status["reasons"][0]


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "truncated_gz", "no_ms1", "mixed"])
def test_a_bad_file_fails_with_one_plain_reason(kind, tmp_path, mzml, detect_by_hand, capfd):
    path = mzml(level=2 if kind == "no_ms1" else 1, negative_scans=7 if kind == "mixed" else 0)
    data = path.read_bytes()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("patient\tvalue\n1\t2\n")
    elif kind == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "truncated_gz":
        path = tmp_path / "run.mzML.gz"
        packed = gzip.compress(data)
        path.write_bytes(packed[: len(packed) // 2])
    code, status, out = detect_by_hand(path)
    assert (code, status["verdict"], len(status["reasons"])) == (2, "fail", 1)
    expected = {
        "no_ms1": "no MS1",
        "mixed": "positive and negative",
        "empty": "empty",
        "text": "no mzML",
    }
    assert expected.get(kind, "truncated") in status["reasons"][0]
    assert str(tmp_path) not in json.dumps(status) and str(tmp_path) not in capfd.readouterr().out
    assert (out / "f.npz").stat().st_size == 0
    assert len((out / "l.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("none", "40 of its 40 scans carry no time"),
        ("minutes without unit", "have no unit"),
        ("two scans", "holds 2 MS1 scans"),
    ],
)
def test_scans_without_usable_times_fail(kind, words, mzml, detect_by_hand):
    path = mzml()
    text = path.read_text()
    if kind == "none":
        text = re.sub(r'<cvParam [^>]*name="scan start time"[^>]*/>', "", text)
    elif kind == "two scans":
        text = re.sub(r'<spectrum index="([2-9]|[123][0-9])".*\n', "", text)
        text = text.replace('<spectrumList count="40"', '<spectrumList count="2"')
    else:
        text = re.sub(
            r'time" value="([0-9.]+)" unit[^/]*/>',
            lambda m: f'time" value="{float(m[1]) / 60}"/>',
            text,
        )
    path.write_text(text)
    code, status, _ = detect_by_hand(path)
    assert code == 2 and words in status["reasons"][0]


def test_times_in_minutes_with_their_unit_are_read_as_such(mzml, detect_by_hand):
    path = mzml()
    first = load_features(detect_by_hand(path)[2] / "f.npz")[0]
    text = re.sub(
        r'time" value="([0-9.]+)" unitCvRef="UO" unitAccession="UO:0000010" unitName="second"',
        lambda m: (
            f'time" value="{float(m[1]) / 60:.8f}" unitCvRef="UO" unitAccession="UO:0000031" unitName="minute"'
        ),
        path.read_text(),
    )
    path.write_text(text)
    again = load_features(detect_by_hand(path)[2] / "f.npz")[0]
    assert again.rt == pytest.approx(first.rt, abs=1e-3)


def test_a_run_without_any_peak_is_a_warning(mzml, detect_by_hand):
    """No failure: a blank may well be empty; a sample without peaks fails against the QC runs."""
    code, status, out = detect_by_hand(mzml(), min_trace_s=50)
    assert (code, status["verdict"]) == (0, "warn")
    assert "no chromatographic peak" in status["reasons"][0]
    assert load_features(out / "f.npz")[0].size == 0


@pytest.mark.real
def test_plasma_run_shows_caffeine_at_its_time(testdata, lcms):
    # caffeine [M+H]+ 195.0877 at 182 s (acceptance list of the data)
    run = read_ms1(testdata / "ms/plasma/NZ_20200227_025.mzML.gz", "R1", lcms)
    assert run.polarity == "positive" and not run.picked_here
    found = find_features(run, noise_level(run, lcms["ppm"], lcms["noise_quantile"]), lcms)
    near = np.abs(found.mz / 195.0877 - 1) * 1e6 < 15
    assert np.abs(found.rt[near] - 182).min() <= 3
    assert found.size > 150


@pytest.mark.real
def test_real_run_cut_in_half_fails(testdata, tmp_path, detect_by_hand):
    data = (testdata / "ms/plasma/NZ_20200227_027.mzML.gz").read_bytes()
    path = tmp_path / "cut.mzML.gz"
    path.write_bytes(data[: len(data) // 2])
    code, status, _ = detect_by_hand(path)
    assert code == 2 and "truncated" in status["reasons"][0]


def test_same_run_gives_the_same_bytes(mzml, detect_by_hand):
    path = mzml()
    first = [p.read_bytes() for p in sorted(detect_by_hand(path)[2].glob("*.npz"))]
    again = [p.read_bytes() for p in sorted(detect_by_hand(path)[2].glob("*.npz"))]
    assert first == again
    table, about = load_features(detect_by_hand(path)[2] / "f.npz")
    assert table.size >= 2 and about["polarity"] == "positive"
