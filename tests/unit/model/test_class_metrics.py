"""Metrics of three or more classes against references and by hand."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss, roc_auc_score

from scripts.model import class_metrics

NAMES = ["a", "b", "c"]
SETTINGS = {"resamples": 1000, "minimum_class": 10}


@pytest.fixture(scope="module")
def scored():
    """200 patients of three unequal classes with probabilities that know something."""
    rng = np.random.default_rng(3)
    y = rng.choice(3, 200, p=[0.5, 0.3, 0.2])
    logits = rng.normal(size=(200, 3)) + 1.5 * np.eye(3)[y]
    probability = np.exp(logits)
    return y, probability / probability.sum(axis=1, keepdims=True)


def test_aucs_equal_those_of_scikit_learn(scored):
    y, p = scored
    ovr = roc_auc_score(y, p, multi_class="ovr", average="macro")
    ovo = roc_auc_score(y, p, multi_class="ovo", average="macro")  # Hand and Till's M
    assert class_metrics.macro_auc(y, p) == pytest.approx(ovr, abs=1e-12)
    assert class_metrics.pairwise_auc(y, p) == pytest.approx(ovo, abs=1e-12)


def test_table_accuracy_loss_and_brier_equal_references(scored):
    y, p = scored
    found = class_metrics.evaluate(y, p, NAMES, SETTINGS, seed=1)
    assert found["confusion"] == confusion_matrix(y, p.argmax(axis=1)).tolist()
    values = {key: entry["value"] for key, entry in found["metrics"].items()}
    assert values["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(y, p.argmax(axis=1)), abs=1e-12
    )
    assert values["log_loss"] == pytest.approx(log_loss(y, p), abs=1e-12)
    brier = np.mean([sum((p[i] - np.eye(3)[y[i]]) ** 2) for i in range(len(y))])
    assert values["brier"] == pytest.approx(brier, abs=1e-12)


def test_intervals_hold_their_estimate_and_come_from_a_thousand_resamples(scored):
    y, p = scored
    found = class_metrics.evaluate(y, p, NAMES, SETTINGS, seed=1)
    entries = list(found["metrics"].values())
    entries += [
        own[k] for own in found["per_class"].values() for k in ("auc", "sensitivity", "ppv")
    ]
    assert all(e["low"] < e["value"] < e["high"] for e in entries)
    # one class against the rest: the standard error of a sensitivity is that of a binomial
    own = found["per_class"]["a"]
    error = np.sqrt(own["sensitivity"]["value"] * (1 - own["sensitivity"]["value"]) / own["n"])
    width = own["sensitivity"]["high"] - own["sensitivity"]["low"]
    assert width == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_two_evaluations_are_equal(scored):
    assert class_metrics.evaluate(*scored, NAMES, SETTINGS, 1) == class_metrics.evaluate(
        *scored, NAMES, SETTINGS, 1
    )


def test_one_class_only_and_small_classes_get_a_reason_and_no_number():
    y = np.zeros(30, int)
    assert class_metrics.too_few(y, NAMES, 10) == "only one class (30 a, 0 b, 0 c)"
    y[:12], y[12:15] = 1, 2
    found = class_metrics.assess(y, np.full((30, 3), 1 / 3), NAMES, SETTINGS, 1)
    assert found["status"] == "NOT_ASSESSED" and "metrics" not in found
    assert found["reason"] == "too few patients (15 a, 12 b, 3 c; at least 10 of each class)"
    assert found["classes"] == {"a": 15, "b": 12, "c": 3}


def test_perfect_calls_are_not_certain_and_patients_entered_twice_count_once(scored):
    y, p = scored
    perfect = class_metrics.evaluate(y, 0.8 * np.eye(3)[y] + 0.2 / 3, NAMES, SETTINGS, 1)
    shares = [perfect["metrics"]["accuracy"], perfect["metrics"]["balanced_accuracy"]]
    shares += [own[k] for own in perfect["per_class"].values() for k in ("sensitivity", "ppv")]
    assert all(e["value"] == e["high"] == 1 and 0.85 < e["low"] < 0.995 for e in shares)
    once = class_metrics.evaluate(y, p, NAMES, SETTINGS, 1)["metrics"]
    twice = class_metrics.evaluate(
        np.repeat(y, 2), np.repeat(p, 2, axis=0), NAMES, SETTINGS, 1, np.repeat(np.arange(200), 2)
    )["metrics"]
    for name, entry in once.items():
        width = twice[name]["high"] - twice[name]["low"]
        assert width == pytest.approx(entry["high"] - entry["low"], rel=0.12), name
