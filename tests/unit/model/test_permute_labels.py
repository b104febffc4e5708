"""Shuffled labels through the whole procedure: the same by number, nothing left to find, every fold audited."""

import numpy as np
import pytest

from scripts.model import permute_labels, select_model, validate_internal
from scripts.model.cross_validate import cross_validate
from tests.unit.model.conftest import build_classes


class Step:
    def __init__(self):
        self.found = {}

    def check(self, requirement, what, verdict, **more):
        self.found = {"requirement": requirement, "verdict": verdict, **more}


@pytest.mark.parametrize("strategy", ["late", "block_ct"])
def test_permutation_is_known_by_its_number_and_leaves_the_cohort_as_it_is(
    cohort, settings, strategy
):
    labels = cohort.labels.copy()
    found = [permute_labels.permuted_auc(cohort, strategy, n, settings, 3) for n in (0, 1, 0)]
    assert found[0] == found[2] != found[1]
    assert all(0.2 < auc < 0.8 for auc in found)  # 120 patients: SD .05 under the null
    assert np.array_equal(cohort.labels, labels)


def test_three_classes_have_a_macro_auc(settings):
    assert 0.2 < permute_labels.permuted_auc(build_classes(), "late", 0, settings, 3) < 0.8


def test_too_few_patients_are_said_and_nothing_is_permuted():
    chosen = {"status": "ASSESSED", "reason": "", "selected": "late"}
    assert permute_labels.why_not(chosen, 120, 120) == ""
    assert "119 training patients" in permute_labels.why_not(chosen, 119, 120)
    none = {"status": "NOT_ASSESSED", "reason": "only one class"}
    assert permute_labels.why_not(none, 500, 120) == "only one class"


@pytest.mark.parametrize(("auc", "verdict"), [(0.55, "PASS"), (0.551, "FAIL"), (0.449, "FAIL")])
def test_mean_outside_the_limits_fails(auc, verdict):
    part = {"reason": "", "auc": {str(n): auc for n in range(20)}}
    step = Step()
    validate_internal.record_permutations(step, validate_internal.permuted([part], [0.45, 0.55]))
    assert (step.found["requirement"], step.found["verdict"]) == ("FUS-04", verdict)


def test_no_fold_learns_from_the_patients_whom_it_scores(cohort, settings):
    _, folds = cross_validate(cohort, "late", settings, 3)
    _, by_class = cross_validate(build_classes(), "late", settings, 3)
    assert [fold["learned_outside"] for fold in folds + by_class] == [0] * 10
    step = Step()
    select_model.record_folds(step, [{"folds": folds}])
    assert (step.found["verdict"], step.found["value"]) == ("PASS", 5)
    select_model.record_folds(step, [{"folds": [folds[0] | {"learned_outside": 2}]}])
    assert step.found["verdict"] == "FAIL"
