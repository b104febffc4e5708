import datetime

import pytest

from scripts.core.config import (
    ConfigError,
    check_config,
    check_keys,
    default_config,
    freeze_config,
    frozen_config,
    key_of,
)


def test_frozen_configuration_is_what_was_frozen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    freeze_config(default_config())
    assert frozen_config() == default_config()
    bins = default_config()["clinical"]["bins"]
    assert list(frozen_config()["clinical"]["bins"]) == list(
        bins
    )  # tables have their columns in this order
    assert [p.name for p in (tmp_path / ".hcc").iterdir()] == ["config.json"]


def test_default_configuration_is_valid():
    check_config(default_config())


def test_all_bad_keys_are_named_at_once():
    config = default_config()
    config |= {"purpose": "fun", "sede": 1, "seed": "one"}
    with pytest.raises(ConfigError) as error:
        check_config(config)
    text = str(error.value)
    assert "config key purpose: 'fun' is not allowed; allowed: diagnosis_service" in text
    assert "unknown key sede; known keys: as_of" in text
    assert "config key seed: 'one' should be a whole number" in text


def test_default_survives_a_caller_that_changes_its_copy():
    config = default_config()
    config["imaging"]["ct"] = None
    assert default_config()["imaging"]["ct"] is not None


def test_key_is_reached_by_dots():
    assert key_of({"a": {"b": 0}}, "a.b") == 0
    with pytest.raises(ConfigError, match="a.c"):
        key_of({"a": {"b": 0}}, "a.c")


@pytest.mark.parametrize("date", ["", "2026-03-01", datetime.date(2026, 3, 1)])
def test_date_may_be_quoted_or_not(date):
    check_config(default_config() | {"as_of": date})


@pytest.mark.parametrize("date", ["2026-13-01", "2026-02-30", "1 March 2026", "20260301"])
def test_date_that_does_not_exist_is_refused(date):
    with pytest.raises(ConfigError, match="as_of.*YYYY-MM-DD"):
        check_config(default_config() | {"as_of": date})


def test_inner_values_of_the_command_line_get_the_types_of_the_schema():
    # what Snakemake 9.27 makes of --config "demo={'mess': False, 'raw_patients': 6}" "model={repeats: 3, outer_folds: 10}"
    config = default_config() | {"demo": {"mess": "False", "raw_patients": "6"}}
    config["model"] = config["model"] | {"repeats": "3", "prevalences": ["0.01"], "bundle": ""}
    check_config(config)
    assert config["demo"] == {"mess": False, "raw_patients": 6}
    assert config["model"]["repeats"] == 3 and config["model"]["prevalences"] == [0.01]


def test_text_that_is_no_truth_value_is_refused():
    with pytest.raises(ConfigError, match="demo.mess: 'perhaps' should be true or false"):
        check_config(default_config() | {"demo": {"mess": "perhaps"}})


def test_key_that_stands_twice_is_named_with_both_rows(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("model: {repeats: 1}\nseed: 1\nmodel:\n  repeats: 2\n  repeats: 3\n")
    with pytest.raises(ConfigError) as error:
        check_keys([file])
    assert str(error.value).splitlines() == [
        "my.yaml, row 3, config key model: already in row 1; allowed: once",
        "my.yaml, row 5, config key model.repeats: already in row 4; allowed: once",
    ]
    file.write_text("a: &x {b: 1}\nc: *x\n")
    check_keys([file])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_none_is_refused(value):
    config = default_config()
    config["clinical"]["outlier_z"] = value
    with pytest.raises(ConfigError, match="config key clinical.outlier_z: (nan|inf)"):
        check_config(config)
