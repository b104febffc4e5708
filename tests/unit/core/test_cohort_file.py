"""Reading the joined cohort."""

from scripts.core.cohort_file import read_blocks
from scripts.fusion.missing_blocks import describe


def test_cohort_in_which_no_block_has_a_row_is_empty_and_can_be_described(tmp_path):
    """What assemble_cohort leaves after its defect: an empty file."""
    path = tmp_path / "cohort.h5mu"
    path.touch()
    obs, tables, dictionaries, more = read_blocks(path)
    assert (len(obs), tables, dictionaries, more) == (0, {}, {}, {})
    described = describe(obs.iloc[:, :0], obs, permutations=10, seed=1)
    assert described == {"patterns": [], "coverage": {}, "tests": []}
