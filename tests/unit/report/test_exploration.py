"""The view without labels and the associations in the report: plain when there is nothing, flags when there is a catch."""

import xml.etree.ElementTree as ET

import pytest

from scripts.report import associations, exploration, page, scatter
from scripts.report.results import Results
from tests.unit.report.made_up_structure import make_associations, make_explore, make_points


def seen(section, language: str) -> str:
    """All sentences of a section in one language, tables included."""
    words = []
    for part in section.parts:
        cells = [part.content] if hasattr(part, "content") else [getattr(part, "caption", "")]
        for row in getattr(part, "rows", []):
            cells += [cell.content if isinstance(cell, page.Cell) else cell for cell in row]
        words += [
            str(getattr(cell, language) if isinstance(cell, page.Text) else cell) for cell in cells
        ]
    return "\n".join(words)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_structure_and_batch_effect_are_said(language):
    clear = seen(exploration.section(Results({}, {}, explore=make_explore())), language)
    flagged = seen(exploration.section(Results({}, {}, explore=make_explore(batch=True))), language)
    assert {"zh": "批次效应警示", "en": "Flag for batch effects"}[language] in flagged
    assert {"zh": "批次效应警示", "en": "Flag for batch effects"}[language] not in clear
    assert {"zh": "未发现聚类：Gap 统计量支持只有一组", "en": "No clusters were found"}[
        language
    ] in clear
    assert {"zh": "因子 2 个", "en": "2 factors"}[language] in clear
    assert {"zh": "在 1000 次迭代后", "en": "had not settled after 1000"}[language] in clear


def test_no_structure_is_said_plainly():
    english = seen(
        exploration.section(Results({}, {}, explore=make_explore(structure=False))), "en"
    )
    assert "No structure above noise was found" in english


def test_associations_name_what_confounds_them_and_nothing_is_called_nothing():
    english = seen(associations.section(Results({}, {}, associations=make_associations())), "en")
    assert "3 hold with diagnosis, centre and batch held constant" in english
    assert (
        "Flag for confounding: 2 associations" in english
        and "diagnosis (HCC or control) 2" in english
    )
    assert "5 patients have both" in english
    none = associations.section(Results({}, {}, associations=make_associations(found=False)))
    assert "No association was found: none of the 800 pairs" in seen(none, "en")
    assert "未发现关联" in seen(none, "zh")
    assert "Flag for confounding" not in seen(none, "en")


def test_absent_files_give_a_section_that_says_so():
    for module in (exploration, associations):
        section = module.section(Results({}, {}))
        assert len(section.parts) == 1 and "no development data" in section.parts[0].content.en


def test_figures_are_well_formed_and_name_no_patient():
    explore, found = make_explore(), make_associations()
    drawn = [
        exploration.joint_figure(explore),
        exploration.factor_figure(explore["factors"]),
        scatter.grid([("a", make_points())] * 7, "centre", page.same("t")),
        associations.matrix(found),
        associations.network(found["shown"]),
    ]
    for svg in drawn:
        assert ET.fromstring(svg).tag == "svg"


def test_more_kinds_than_colours_are_grey_together():
    points = {"x": [0] * 9, "y": [0] * 9, "centre": [f"C{i}" for i in range(9)]}
    colours = scatter.palette([points], "centre")
    assert len({colour for _, colour in colours.values()}) == 7
    assert [name.en for name, _ in colours.values()][-3:] == ["others"] * 3


def test_labels_of_the_network_never_cover_one_another():
    levels = associations._apart([5.0, 5.0, 5.5, 300.0, 598.0, 599.0], 600)
    assert all(b - a >= 11.5 for a, b in zip(levels, levels[1:], strict=False))
    assert levels[0] >= 0 and levels[-1] <= 592


def test_patterns_of_blocks_of_three_classes_are_counted_by_class():
    found = make_explore()
    found["missing"]["patterns"] = [
        {"blocks": ["lcms"], "n": 5, "classes": {"viral": 2, "alcohol": 3, "mash": 0}}
    ]
    text = seen(exploration.section(Results({}, {}, explore=found)), "en")
    assert "5 (viral 2, alcohol 3, mash 0)" in text
