"""The AUC of the mean over repeats is labelled; every repeat has its own."""

import pandas as pd
import pytest

from scripts.model.select_model import repeat_aucs


def test_every_repeat_has_its_own_auc():
    # worked by hand: cases .9, .4 and controls .5, .1: 3 of 4 pairs; the second repeat puts .6 in place of .4: 4 of 4
    first = pd.DataFrame({"repeat": 0, "label": [1, 1, 0, 0], "probability": [0.9, 0.4, 0.5, 0.1]})
    second = first.assign(repeat=1, probability=[0.9, 0.6, 0.5, 0.1])
    one_class = first[first["label"] == 1].assign(repeat=2)
    found = repeat_aucs(pd.concat([first, second, one_class]))
    assert found == pytest.approx([0.75, 1.0])
