"""docs/inputs.md says what the schemas say."""

from pathlib import Path

import pytest

from scripts.core.sheets import sheet_names
from scripts.setup.describe_sheets import ORDER, describe, with_reference

DOCUMENT = Path(__file__).parents[3] / "docs" / "inputs.md"


def test_document_is_up_to_date():
    """After a change of a schema: python -m scripts.setup.describe_sheets --output document=docs/inputs.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_reference(text) == text


def test_every_sheet_and_column_is_described():
    assert set(ORDER) == set(sheet_names())
    for name in ORDER:
        lines = [line for line in describe(name).splitlines() if line.startswith("| ")][1:]
        assert all(line.split(" | ")[2].strip(" |") for line in lines), name


def test_document_without_marks_is_refused():
    with pytest.raises(ValueError, match="marks"):
        with_reference("no marks here")
