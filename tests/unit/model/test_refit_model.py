"""Which job makes which refit."""

from scripts.model.refit_model import numbers_of


def test_parts_hold_every_resample_once():
    for parts in (1, 3, 7):
        found = [n for part in range(parts) for n in numbers_of(part, parts, 1000)]
        assert found == list(range(1000))
