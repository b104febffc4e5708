import math

import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.proteomics import infer_proteins
from scripts.proteomics.run_checks import share_of_window, usual_window, why_unusable
from scripts.proteomics.step_settings import STEP_SETTINGS, settings_of

SETTINGS = default_config()["proteomics"]["dda"]


def run(start=0.0, end=600.0, lost=0.0, identified=100):
    return {"start": start, "end": end, "lost": lost, "identified": identified}


def test_most_runs_say_how_long_a_run_is():
    window = usual_window([run(), run(), run(end=300.0)])
    assert window == (0.0, 600.0)
    assert share_of_window(run(), window) == 1.0
    assert share_of_window(run(end=300.0), window) == 0.5
    assert share_of_window(run(start=300.0), window) == 0.5
    assert share_of_window(run(lost=150.0), window) == 0.75
    assert share_of_window(run(), (math.nan, math.nan)) == 1.0


@pytest.mark.parametrize(
    ("given", "changes", "words"),
    [
        (run(end=300.0), {}, "covers 50% of the time of the development runs"),
        (run(lost=150.0), {}, "interrupted"),
        (run(end=300.0), {"method_s": 600}, "lasts 300 s of the 600 s"),
        (run(identified=3), {}, "3 PSMs at 1% FDR are too few"),
        (run(), {}, ""),
    ],
)
def test_why_a_run_cannot_be_used(given, changes, words):
    why = why_unusable(given, (0.0, 600.0), SETTINGS | changes)
    assert words in why and bool(why) == bool(words)


def test_half_a_run_teaches_nothing(tmp_path):
    paths, statuses = [], []
    for number, end in enumerate((600.0, 600.0, 300.0)):
        table = pd.DataFrame({"block": ["dda"], "assay_id": [f"D{number}"], "score": [1.0]})
        table.attrs = {"runs": {f"D{number}": run(end=end) | {"block": "dda"}}}
        paths.append(str(tmp_path / f"{number}.parquet"))
        table.to_parquet(paths[-1])
        statuses.append(str(tmp_path / f"{number}.json"))
        (tmp_path / f"{number}.json").write_text('{"verdict": "pass", "reasons": [], "blocks": {}}')
    matches, left_out, window = infer_proteins.read_matches(
        paths, statuses, ["P0", "P1", "P2"], "dda", SETTINGS
    )
    assert sorted(matches["assay_id"]) == ["D0", "D1"] and list(left_out) == ["D2"]
    assert window == (0.0, 600.0)


def test_each_step_gets_its_own_keys():
    assert "min_psms" not in STEP_SETTINGS["search_spectra"]
    assert "min_share" not in STEP_SETTINGS["infer_proteins"]
    for step in STEP_SETTINGS:
        assert set(settings_of(step, SETTINGS)) <= set(SETTINGS)
    used = {key for keys in STEP_SETTINGS.values() for key in keys}
    assert used == set(SETTINGS)  # no key that nobody reads
