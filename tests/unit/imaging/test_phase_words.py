"""Phases as hospitals and vendors name them."""

import pytest

from scripts.imaging.phase_words import phase_in_text

NAMES = {
    "arterial": "Liver arterial phase|LATE ARTERIAL|Early Art.|动脉期|動脈期|动脉晚期|C+ 动脉期 1.25mm|ART_1.5|arteriell spät|"
    "EAP|HAP 1.0|A-Phase|temps artériel|fase arterial|LiverArt",
    "portal": "ABD 1.5 PVP|静脉期|靜脈期|门脉期|門靜脈期|门静脉期 5mm|portalvenös|venöse Phase|Portal Venous|VENOUS|V phase|"
    "late portal|temps portal|fase venosa|LAVA ven",
    "delayed": "延迟期|延遲期|延时|平衡期|DELAYED 5 min|Spätphase|Late phase|équilibre tardif|Equilibrium|LAVA delay 3min|"
    "verzögert",
    "native": "平扫|平掃|增强前|T1 nativ|Nativ|LAVA pre|LAVA-pre|non-contrast|Non Contrast|precontrast|w/o contrast|ohne KM|C-|"
    "plain scan|unenhanced|NECT|sans injection",
    "hepatobiliary": "肝胆期|肝胆特异期|HBP|T1 VIBE 20min|VIBE fs 20 min|hepatobiliary|leberspezifische Phase",
    None: "venous + delayed|动脉期+门脉期|T1 pre and post|with and without contrast|腹主动脉|增强|CT CH/AB/PEL|LAVA|AP view|"
    "T2 HASTE|Leber 3 Phasen|heart part|Abdomen 5.0 B30f|DYNAMIC",
}


@pytest.mark.parametrize(
    ("phase", "text"), [(phase, text) for phase, all_ in NAMES.items() for text in all_.split("|")]
)
def test_phase_in_the_name_of_a_series(phase, text):
    assert phase_in_text(text) == phase


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_chinese_whose_file_does_not_name_its_characters(encoding):
    assert phase_in_text("静脉期".encode(encoding).decode("latin-1")) == "portal"
