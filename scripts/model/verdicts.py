"""In: figures of the chosen model, its comparison with the negative controls, features that alone separate the classes.
Out: the verdict: a code, and its sentence in both languages, which never opens with praise that the code takes back.
Source: docs/modelling.md, "Verdict"; requirements EVA-01, OMX-06.
"""

from scripts.model.confounding import GROUPED
from scripts.model.evaluation import NOT_ASSESSED

NO_MODEL, NONE, LEAK, INSEPARABLE, USEFUL = (
    "not_assessed",
    "no_discrimination",
    "leak_suspected",
    "not_separable",
    "discriminates",
)
# What a reader of `discrimination` may do with the model: only "useful" may be used.
DISCRIMINATION = {
    NO_MODEL: "not_assessed",
    NONE: "none",
    LEAK: "void",
    INSEPARABLE: "void",
    USEFUL: "useful",
}
_ZH = {
    "missing mask": "缺失情况",
    "centre": "中心",
    "batch": "批次",
    "technical": "技术变量",
    "calendar time": "时间",
    "sample age": "样本存放时间",
}
_WITHIN_EN = {
    "centre": "within centres",
    "batch": "within batches",
    "calendar time": "within periods of a quarter",
    "sample age": "among samples of one age",
}
_WITHIN_ZH = {
    "centre": "中心内",
    "batch": "批次内",
    "calendar time": "同一季度内",
    "sample age": "存放时间相近者中",
}


def shown(found: dict, signed: bool = False) -> str:
    """0.88 (0.80-0.94); differences carry their sign."""
    form = "+.2f" if signed else ".2f"
    join = " to " if signed else "-"
    return f"{found['value']:{form}} ({found['low']:{form}}{join}{found['high']:{form}})"


def judge(
    entry: dict | None, evidence: list[dict], settings: dict, leaks: list[dict] = (), name="AUC"
) -> dict:
    """The verdict on a model.

    entry : of performance.json, None without a model; evidence : lines of `confounding.judge_controls`; leaks :
    {block, feature} of single features that separate the classes; those of blocks that the model uses count.
    Returns code, discrimination (useful, void, none, not_assessed), void (codes that void it), text_en, text_zh,
    separable_from_acquisition (None where no control was assessed) and acquisition_text_en, acquisition_text_zh.
    """
    if entry is None or entry["status"] == NOT_ASSESSED:
        texts = ("Discrimination could not be assessed.", "无法评估区分能力。")
        return _verdict(NO_MODEL, texts, [], None, ("", ""))
    auc = entry["metrics"]["auc"]
    bound = float(settings["useful_upper"])
    assessed = [line for line in evidence if line["separable"] is not None]
    alike = [line for line in assessed if not line["separable"]]
    acquisition = _acquisition(alike) if alike else ("", "")
    separable = None if not assessed else not alike
    own = f"{name} {auc['value']:.2f} (95 % CI {auc['low']:.2f}-{auc['high']:.2f})"
    used = entry.get("blocks")
    suspects = [line for line in leaks if used is None or line["block"] in used]
    void = [LEAK] * bool(suspects) + [INSEPARABLE] * bool(alike)
    inside = _least_within(assessed)
    if useless(auc, bound):
        texts = (f"No useful discrimination: {own}.", f"无有用的区分能力：{own}。")
        return _verdict(NONE, texts, void, separable, acquisition)
    if void:
        parts = [_leak(suspects)] * bool(suspects) + [acquisition] * bool(alike)
        en = " ".join(part[0] for part in parts)
        zh = "".join(part[1] for part in parts)
        texts = (
            f"{en} The {own} is not to be read as discrimination.",
            f"{zh}{own}不能视为区分能力。",
        )
        return _verdict(void[0], texts, void, separable, acquisition)
    if inside and useless(inside["within"], bound):
        where = _WITHIN_EN[inside["model"]], _WITHIN_ZH[inside["model"]]
        texts = (
            f"No useful discrimination {where[0]}: {name} {shown(inside['within'])}; over all {own}.",
            f"{where[1]}无有用的区分能力：{name} {shown(inside['within'])}；总体 {own}。",
        )
        return _verdict(NONE, texts, void, separable, acquisition)
    more = ("", "")
    if inside:
        value = shown(inside["within"])
        more = (
            f"; {_WITHIN_EN[inside['model']]} {value}",
            f"；{_WITHIN_ZH[inside['model']]} {value}",
        )
    texts = (f"Discriminates: {own}{more[0]}.", f"有区分能力：{own}{more[1]}。")
    return _verdict(USEFUL, texts, void, separable, acquisition)


def useless(auc: dict, bound: float) -> bool:
    """Whether an interval includes one half or ends below the least useful AUC."""
    return auc["low"] <= 0.5 or auc["high"] < bound


def _verdict(code: str, texts: tuple, void: list, separable: bool | None, acquisition) -> dict:
    return {
        "code": code,
        "discrimination": DISCRIMINATION[code],
        "void": void,
        "text_en": texts[0],
        "text_zh": texts[1],
        "separable_from_acquisition": separable,
        "acquisition_text_en": acquisition[0],
        "acquisition_text_zh": acquisition[1],
    }


def _least_within(assessed: list[dict]) -> dict | None:
    """The line with the lowest AUC within strata, of the controls that predict the label and that the model is told from by
    it: it is worth what it is worth within.
    """
    lines = [
        line
        for line in assessed
        if line["flag"]
        and line["separable"]
        and line["within"]
        and (line["difference"]["low"] <= 0 or line["model"] in GROUPED)
    ]
    return min(lines, key=lambda line: line["within"]["value"], default=None)


def _acquisition(alike: list[dict]) -> tuple[str, str]:
    """The controls that do as well as the model, with their evidence."""
    en, zh = [], []
    for line in alike:
        model, auc, difference = line["model"], shown(line["auc"]), shown(line["difference"], True)
        within = line["within"]
        en.append(
            f"{model} alone reaches {auc}, the model's difference to it is {difference}"
            + (f", {_WITHIN_EN[model]} the AUC is {shown(within)}" if within else "")
        )
        zh.append(
            f"仅凭{_ZH.get(model, model)}即达 {auc}，模型与之相差 {difference}"
            + (f"，{_WITHIN_ZH[model]} AUC 为 {shown(within)}" if within else "")
        )
    return (
        f"Not separable from acquisition: {'; '.join(en)}.",
        f"与采集方式无法区分：{'；'.join(zh)}。",
    )


def _leak(suspects: list[dict]) -> tuple[str, str]:
    """Features that separate the classes alone: known only after the diagnosis, until somebody shows otherwise."""
    names = [f"{line['block']}: {line['feature']}" for line in suspects[:5]]
    more = len(suspects) - len(names)
    en = ", ".join(names) + (f" and {more} more" if more else "")
    zh = "、".join(names) + (f"等 {len(suspects)} 个" if more else "")
    return (
        f"Leak suspected: {en} alone separates the classes; explain or remove it before the model is believed.",
        f"疑似信息泄漏：{zh}单独即可区分两类；在解释或剔除之前，模型结果不可信。",
    )
