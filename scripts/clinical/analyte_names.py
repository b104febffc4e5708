"""Printed names of laboratory analytes, taken apart: the name itself, and what only says specimen, method or kind of test.

In: a printed name: 肌酐(酶法), 谷丙转氨酶(ALT/GPT), "Bilirubin, total", "Protein [Mass/volume] in Blood".
Out: the spellings that may stand in the variable dictionary. Source: names of Chinese laboratory systems, the item list of
MIMIC-IV, LOINC long common names (component [property] in system by method; LOINC Users' Guide, chapter 2).
"""

import re

from scripts.clinical.lab_values import plain


def _any(*patterns: str) -> re.Pattern:
    return re.compile("|".join(patterns), re.I)


# Specimens of which the dictionary speaks; it has own names for free haemoglobin in plasma.
_BLOOD = _any(
    *("(?:whole|venous|arterial|capillary) blood", "blood", "serum", "plasma", "ser", "plas"),
    *("serum(?: or |/)plasma", "serum, plasma or blood", "platelet poor plasma", "(?:voll)?blut"),
    *("静脉血", "末梢血", "外周血", "动脉血", "全血", "血清", "血浆", "血液", "血"),
)
# Material in which an analyte is another quantity: nothing of it is a blood value.
_OTHER_SPECIMEN = _any(
    *(
        "尿(?![素酸])",
        "粪",
        "便",
        "脑脊液",
        "腹水",
        "胸水",
        "胸腹水",
        "浆膜腔",
        "引流",
        "穿刺",
        "唾液",
        "汗液",
    ),
    *("灌洗", "透析液", "羊水", "关节液", "胆汁"),
    r"\b(?:urine|urinary|csf|cerebrospinal|ascit\w*|pleural|peritoneal|pericardial|joint|synovial)\b",
    r"\b(?:stool|f(?:a)?ecal|saliva|sweat|bile|dialysate|fluid|amniotic|sputum|urin|liquor|stuhl)\b",
    r"\b24 ?h\b",
)
_METHOD = _any(
    *(
        ".*法",
        ".*发光(?:免疫)?(?:分析|测定)?",
        ".*比浊",
        ".*比色",
        ".*免疫(?:分析|吸附|荧光)?",
        ".*测序",
    ),
    *("(?:.*荧光)?(?:.*定量)?-?(?:real[- ]?time )?pcr.*", "[干湿]化学", "质谱.*", "仪器", "手工"),
    *("全自动", "自动化", "流式.*", "电泳", "胶体金", "离子(?:选择性?)?电极", "己糖激酶", "双缩脲"),
    *(
        "溴甲酚[绿紫]",
        "苦味酸",
        "肌氨酸氧化酶",
        "钒酸盐(?:氧化)?",
        "重氮",
        "酶[联免促]?",
        "速率",
        "终点",
    ),
    *(
        "连续监测",
        "计算值?",
        "罗氏",
        "雅培",
        "贝克曼",
        "西门子",
        "迈瑞",
        "安图",
        "新产业",
        "日立",
        "强生",
    ),
    *("高敏", "超敏", "高灵敏度?", "急诊", "床旁", "常规"),
    r"(?:modified |kinetic |rate )?(?:enzymatic|jaffe|kinetic|colou?rimetric|spectrophotometric)"
    r"(?: (?:assay|method|rate|jaffe))?",
    *("rate(?: method)?", r"(?:electro)?chemiluminescen\w*(?: \w+)*", "(?:radio)?immunoassay"),
    *(r"immuno(?:turbidimetr|nephelometr|enzymatic|fluoresc)\w*", "ecl?ia", "cl[ie]a", "cmia"),
    *("elisa", "eia", "ria", "irma", "meia", "lc-?ms(?:/ms)?", r"nephelometr\w*"),
    *(r"turbidimetr\w*", "(?:direct |indirect )?ise", "hexokinase", "go[dp]-?pap", "gpo-?pap"),
    *("chod-?pap", "biuret", "diazo", "vanadate", "bc[gp]", "urease", "ifcc", "dgkc", "nadh"),
    *("(?:kinetic )?uv", "with(?:out)? (?:p-?5-?p|pyridoxal.*)", "(?:no )?addition of p-?5'?-?p"),
    *("37 ?°?c", "automated(?: count)?", "manual(?: count)?", "coagulation assay"),
    *("calculat(?:ed|ion)", r"calc\.?", "estimated", "roche", "abbott", "architect", "cobas"),
    *("beckman(?: coulter)?", "siemens", "mindray", "centaur", "elecsys", "lumipulse", "wako"),
    *("vitros", "method", "assay", "test"),
)
_PROPERTY = _any(
    r"(?:mass|moles?|substance|units|(?:enzymatic|catalytic) activity|arbitrary|volume|number|#|log)"
    r"(?:[ /]?(?:volume|concentration|conc\.?|fraction|ratio))?",
    *("entitic (?:mass|volume)", "presence", "ratio", "time", r"quant\w*", r"qual\w*", "levels?"),
    *(
        "results?",
        "value",
        r"conc(?:entration)?\.?",
        "activity",
        "count",
        "定量",
        "定性",
        "测定",
        "检测",
    ),
    *("检查", "含量", "浓度", "水平", "活性", "活力", "结果", "数值"),
)
_ENDINGS = ("检测", "测定", "定量", "定性", "检查", "含量", "浓度", "水平", "活性", "活力")
_BEGINNINGS = re.compile(r"^(?:血[清浆]|全血|静脉血|外周血|急诊|床旁|高敏|超敏|高灵敏度?)")
_ENGLISH_BEGINNING = re.compile(r"^(?:serum|plasma|blood|whole blood|[sp](?=-))[\s-]+", re.I)
_ENGLISH_ENDING = re.compile(
    r"[\s,_-]+(?:levels?|tests?|assay|result|quant\w*|concentration|activity|serum|plasma|blood"
    r"|i\.s\.|im (?:serum|plasma|blut))$",
    re.I,
)
_SYSTEM = re.compile(
    r"\s+(?:in|of)\s+(?P<system>(?:(?! by )[^()\[\]])+?)(?:\s+by\s+(?P<method>.+))?$|\s+by\s+(?P<alone>.+)$",
    re.I,
)
_MARKS = "*★☆▲△●■◆※#"


def is_other_specimen(text: str) -> bool:
    """Whether a printed name says that the material was not blood, serum or plasma."""
    return bool(_OTHER_SPECIMEN.search(plain(text)))


def is_qualifier(text: str) -> bool:
    """Whether a part of a name only says the specimen (blood), the method, or the kind of quantity."""
    text = plain(text).strip(" .-_:")
    return not text or any(p.fullmatch(text) for p in (_BLOOD, _METHOD, _PROPERTY))


def says_serum(text: str) -> bool:
    """Whether a printed name says that the specimen was serum and nothing else."""
    return bool(
        re.search(r"血清|(?<!plasma or )\bserum\b(?! or plasma|/plasma)", plain(text), re.I)
    )


def parts_of(text: str) -> list[str]:
    """Parts of a printed name in their order: what stands outside of brackets, split at commas, then each bracket.

    The system and method of a LOINC name ("in Serum or Plasma by ...") are parts of their own.
    """
    text = plain(text).strip(_MARKS + " ")
    system = _SYSTEM.search(text)
    behind = []
    said = [part for part in system.groups() if part] if system else []
    if said and is_qualifier(said[0]):
        text, behind = text[: system.start()], said
    inside = re.findall(r"[(\[【{]([^()\[\]【】{}]*)[)\]】}]", text)
    outside = re.sub(r"[(\[【{][^()\[\]【】{}]*[)\]】}]", " , ", text)
    pieces = re.split(r"\s*[,;:|]\s*|\s+-\s+|(?<=[a-z])\.(?=[a-z])", outside)
    pieces += [part for group in inside for part in re.split(r"\s*[,;:]\s*", group)]
    return [part for part in map(str.strip, [*pieces, *behind]) if part]


def spellings(part: str) -> list[str]:
    """A part of a name as it stands, and without what says specimen or test before and behind it, the longest first."""
    found = [part]
    shorter = part
    for _ in range(3):
        for word in _ENDINGS:
            shorter = shorter.removesuffix(word).rstrip()
        shorter = _ENGLISH_ENDING.sub("", shorter).strip()
        found.append(shorter)
    for name in list(dict.fromkeys(found)):
        found += [_BEGINNINGS.sub("", name), _ENGLISH_BEGINNING.sub("", name)]
    return [name for name in dict.fromkeys(found) if name]
