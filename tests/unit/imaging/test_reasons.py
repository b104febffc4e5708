"""Every reason that a step of this domain writes has its Chinese wording in resources/report/reasons.yaml."""

import ast

import pytest

from scripts.core.hashing import ROOT
from scripts.report import page

# How many arguments stand before the reason.
_CALLS = {"InputDefect": 0, "defect": 1, "_defect": 1, "finding": 2}
_PREFIX = {
    "off_grid": "the mask is off the image grid: ",
    "_off_grid": "the mask is off the image grid: ",
}


def text_of(node: ast.AST) -> str | None:
    """A literal text with 3 in place of what is filled in; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [v.value if isinstance(v, ast.Constant) else filled(v) for v in node.values]
        return "".join(parts)
    return None


def filled(value: ast.FormattedValue) -> str:
    """What stands in a text for a value."""
    if isinstance(value.value, ast.IfExp):
        return str(ast.literal_eval(value.value.body))
    words = {"what": "mask", "modality": "ct", "kind": "image", "error": "its header is damaged"}
    return words.get(ast.unparse(value.value), "3")


def reasons_of(tree: ast.AST) -> set[str]:
    """The texts that become reasons: arguments of defects and findings, values of a variable `reason`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            place = _CALLS.get(name, 0 if name in _PREFIX else None)
            if place is not None and len(node.args) > place:
                text = text_of(node.args[place])
                found |= {_PREFIX.get(name, "") + text} if text else set()
            if name in ("Finding", "check"):
                found |= {text_of(k.value) for k in node.keywords if k.arg == "reason"} - {None}
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "reason":
            found |= {text for text in whole_texts(node.value) if text.strip(" ,;:")}
    return {
        text for text in found if text and text not in {f"{start}3" for start in _PREFIX.values()}
    }


def whole_texts(node: ast.AST) -> list[str]:
    """The literal texts of an expression; parts of a formatted text are no texts of their own."""
    text = text_of(node)
    if text is not None:
        return [text]
    return [text for child in ast.iter_child_nodes(node) for text in whole_texts(child)]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "scripts/imaging").glob("*.py")), ids=lambda p: p.stem
)
def test_reasons_are_worded_in_chinese(path):
    english = [text for text in reasons_of(ast.parse(path.read_text("utf-8"))) if " " in text]
    assert [text for text in english if page.reason(text).zh == text] == []
