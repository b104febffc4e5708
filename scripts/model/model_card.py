"""In: the description of a bundle. Out: its model card as Markdown, in English and in Chinese.
Source: Mitchell et al. 2019, Model cards; TRIPOD+AI (2024), items 4, 5, 17, 23: figures come from the description alone.
"""

_METRICS = {
    "auc": ("AUC", "AUC"),
    "brier": ("Brier score", "Brier 分数"),
    "calibration_intercept": ("Calibration intercept", "校准截距"),
    "calibration_slope": ("Calibration slope", "校准斜率"),
    "o_e": ("Observed / expected events", "观察/预期事件比"),
}
_CUTS = {
    "youden": ("Youden", "约登指数"),
    "high_specificity": ("High specificity", "高特异度"),
}
_COLUMNS = {
    "centre": ("Centres", "中心"),
    "sex": ("Sex", "性别"),
    "diagnosis": ("Diagnoses", "诊断"),
    "aetiology": ("Causes", "病因"),
    "stage": ("Stages", "分期"),
}
_WORDS = {
    "title": ("Model card", "模型卡"),
    "research": (
        "Research use. Not a medical device and not a diagnosis.",
        "仅供研究使用，不是医疗器械，不能作为诊断依据。",
    ),
    "use": ("Intended use", "预期用途"),
    "use_text": (
        "Probability of hepatocellular carcinoma at the time of the diagnostic work-up, for adults with chronic liver disease or "
        "other controls of the kind below. For use beside imaging and histology by people who know both.",
        "为具有慢性肝病或下述对照特征的成人，估计诊断检查时患肝细胞癌的概率；应由专业人员结合影像与病理使用。",
    ),
    "not_for": (
        "Not for: other tumours, children, patients after treatment of a tumour, screening of the general population.",
        "不适用于：其他肿瘤、儿童、肿瘤治疗后的患者、普通人群筛查。",
    ),
    "model": ("Model", "模型"),
    "kind": ("Kind", "类型"),
    "blocks": ("Blocks and features", "数据块与特征数"),
    "software": ("Software", "软件"),
    "data": ("Training data", "训练数据"),
    "patients": ("{n} patients, {events} with hcc", "{n} 例患者，其中肝癌 {events} 例"),
    "age": (
        "Age (years): median {median:.0f}, {low:.0f} to {high:.0f}",
        "年龄（岁）：中位数 {median:.0f}，范围 {low:.0f}–{high:.0f}",
    ),
    "internal": (
        "Internal validation (nested cross-validation, 95 % intervals of resampled scores)",
        "内部验证（嵌套交叉验证，得分重采样的 95% 区间）",
    ),
    "metric": ("Metric", "指标"),
    "value": ("Value (95 % CI)", "数值（95% 区间）"),
    "cuts": ("Thresholds, fixed in training", "阈值（训练中固定）"),
    "patterns": (
        "Patterns of blocks, each with its own calibration and thresholds",
        "数据块组合（各有校准与阈值）",
    ),
    "pattern": ("Blocks", "数据块"),
    "count": ("Patients (hcc)", "患者数（肝癌）"),
    "rare": ("too rare: largest subset used", "过少：使用最大子集"),
    "limits": ("Limits", "局限"),
    "least": (
        "Fewer than {least} usable block(s): no probability. Missing blocks are left out, not imputed.",
        "可用数据块少于 {least} 个时不给出概率；缺失的数据块不做填补。",
    ),
    "required": ("Never without: {blocks}.", "必需数据块：{blocks}。"),
    "centres": (
        "Other centres than {centres} were not seen in training: refused by default, until recalibrated for them.",
        "除 {centres} 外的中心未参与训练：默认拒绝，须先为其重新校准。",
    ),
    "prior": (
        "Probabilities hold for a share of events of {share:.0%}, as in training; where the disease is rarer they are too high.",
        "概率对应训练数据中 {share:.0%} 的事件比例；患病率较低时概率偏高。",
    ),
    "interval": ("Interval of a probability: {method}.", "概率区间：{method}。"),
    "age_sex": (
        "Performance in subgroups, at other centres and over time: see the report of the run and external validation.",
        "亚组、其他中心及不同时间的表现见运行报告与外部验证。",
    ),
    "changes": ("Changes", "变更记录"),
}


def _say(key: str, language: int, **values) -> str:
    return _WORDS[key][language].format(**values)


def _figure(entry: dict | None) -> str:
    if not entry or entry.get("value") is None:
        return "–"
    return f"{entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"


def _internal(description: dict, language: int) -> list[str]:
    lines = [f"| {_say('metric', language)} | {_say('value', language)} |", "|---|---|"]
    found = description["internal"]["metrics"]
    lines += [
        f"| {names[language]} | {_figure(found.get(key))} |" for key, names in _METRICS.items()
    ]
    verdict = description["internal"].get("verdict", {})
    text = verdict.get(("text_en", "text_zh")[language], verdict.get("text_en", ""))
    return [*lines, "", text] if text else lines


def _patterns(description: dict, language: int) -> list[str]:
    names = [_CUTS[key][language] for key in description["thresholds"] if key in _CUTS]
    head = [_say("pattern", language), _say("count", language), *names]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for line in description["patterns"]:
        cuts = line.get("thresholds") or {}
        shown = [f"{cuts[k]:.3f}" for k in description["thresholds"] if k in cuts]
        shown = shown or [_say("rare", language)] + [""] * (len(names) - 1)
        lines.append(
            f"| {line['pattern']} | {line['n']} ({line['events']}) | {' | '.join(shown)} |"
        )
    return lines


def _people(training: dict, language: int) -> list[str]:
    lines = [f"- {_say('patients', language, **training)}"]
    for column, values in training.get("people", {}).items():
        if column == "age":
            lines.append(f"- {_say('age', language, **values)}")
        elif values:
            counted = ", ".join(f"{value} {n}" for value, n in values.items())
            lines.append(f"- {_COLUMNS[column][language]}: {counted}")
    return lines


def _limits(description: dict, language: int) -> list[str]:
    settings, training = description["settings"], description["training"]
    lines = [_say("least", language, least=settings["minimum_blocks"])]
    if settings["required_blocks"]:
        lines.append(_say("required", language, blocks=", ".join(settings["required_blocks"])))
    lines.append(_say("centres", language, centres=", ".join(description["centres"])))
    lines.append(_say("prior", language, share=training["events"] / training["n"]))
    if description.get("interval"):
        lines.append(_say("interval", language, method=description["interval"]))
    lines.append(_say("age_sex", language))
    verdict = description["internal"].get("verdict", {})
    lines.append(verdict.get(("acquisition_text_en", "acquisition_text_zh")[language], ""))
    return [f"- {line}" for line in lines if line]


def _changes(description: dict, language: int) -> list[str]:
    changes = description.get("changes", [])
    if not changes:
        return []
    lines = ["", f"## {_say('changes', language)}", ""]
    for change in changes:
        before, after = change["before"].get("metrics", {}), change["after"].get("metrics", {})
        lines.append(
            f"- {change['centre']}, {change['method']}, n = {change['n']} ({change['events']}): {change['reason']}"
        )
        lines += [
            f"  - {names[language]}: {_figure(before.get(key))} -> {_figure(after.get(key))}"
            for key, names in _METRICS.items()
        ]
    return lines


def _card(description: dict, language: int) -> list[str]:
    counts: dict[str, int] = {}
    for feature in description["features"]:
        counts[feature["block"]] = counts.get(feature["block"], 0) + 1
    libraries = ", ".join(f"{k} {v}" for k, v in sorted(description["libraries"].items()))

    def heading(key: str) -> list[str]:
        return ["", f"## {_say(key, language)}", ""]

    return [
        f"# {_say('title', language)}: {description['title']}",
        "",
        _say("research", language),
        *heading("use"),
        _say("use_text", language),
        _say("not_for", language),
        *heading("model"),
        f"- {_say('kind', language)}: {description['title']} ({description['strategy']})",
        f"- {_say('blocks', language)}: {', '.join(f'{b} {n}' for b, n in sorted(counts.items()))}",
        f"- {_say('software', language)}: hcc-omics {description['version']}, {libraries}, seed {description['seed']}",
        *heading("data"),
        *_people(description["training"], language),
        *heading("internal"),
        *_internal(description, language),
        *heading("cuts"),
        *(
            f"- {_CUTS.get(key, (key, key))[language]}: {cut:.3f}"
            for key, cut in description["thresholds"].items()
        ),
        *heading("patterns"),
        *_patterns(description, language),
        *heading("limits"),
        *_limits(description, language),
        *_changes(description, language),
        "",
    ]


def model_card(description: dict) -> str:
    """The model card as Markdown: English, then Chinese. Missing figures are shown as a dash."""
    return "\n".join([*_card(description, 0), "---", "", *_card(description, 1)])
