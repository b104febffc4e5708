"""The note that goes with a share package: what it is for, what was done to the data, what the recipient must not do.

In: settings, counts, terms. Out: Markdown, Chinese and English. Source: docs/clinical.md, "Share package".
"""

from collections import Counter

from scripts.share.terms import GENETIC, Terms


def readme(
    settings: dict,
    counts: dict[str, int],
    terms: Terms,
    small: tuple[int, int],
    dropped: Counter,
    today: str,
) -> str:
    """The README of a package. `small`: (cells, people in them) under the smallest cell; `dropped`: {sheet: rows kept back}."""
    dates = {
        "shifted": "every date of a person is moved by the same secret number of days, so that intervals hold; "
        "the time of day is left out",
        "relative": "dates are days from the index date; the index date itself is left out",
    }[settings["dates"]]
    lines = [
        "# 共享数据包 / Share package",
        "",
        "仅供研究使用，非诊断依据；不得用于重新识别个人，不得转交第三方。",
        "For research use, not a diagnosis. Do not try to re-identify anybody; do not hand it on.",
        "",
        f"- 接收方 / recipient: {settings['recipient']}",
        f"- 用途 / purpose: {settings['purpose']}",
        f"- 日期 / date: {today}",
        f"- 人数 / people: {len(terms.people)}",
        f"- 未共享的入组者 / enrolled people left out: {terms.enrolled - len(terms.people)} of {terms.enrolled}",
    ]
    if GENETIC in settings["domains"]:
        lines.append(
            f"- 人类遗传资源审批或备案号 / approval or filing of human genetic resources: {settings['hgr_document']}"
        )
    lines += [
        "",
        "## 授权范围 / Scope of consent",
        "",
        "| data | shared | left out |",
        "|---|---|---|",
    ]
    lines += [
        f"| {domain} | {terms.count(domain)} | {sum(reasons.values())} |"
        for domain, reasons in terms.left_out.items()
    ]
    lines += [
        "",
        "Reasons: `scope.tsv`.",
        "",
        "## 表 / Tables",
        "",
        "| table | rows |",
        "|---|---|",
    ]
    lines += [f"| {name} | {n} |" for name, n in counts.items()]
    lines += [f"| {name} | {n} rows kept back |" for name, n in sorted(dropped.items())]
    cells, people = small
    lines += [
        "",
        "Columns and units: `data_dictionary.tsv`. Hashes: `SHA256SUMS`.",
        "",
        "## 去标识 / De-identification",
        "",
        "- Ids are pseudonyms made with a key that stays at the site; another recipient or purpose gets others.",
        f"- Dates: {dates}.",
        f"- Ages above {settings['oldest_age']:g} are pooled as {settings['oldest_age'] + 1:g}, and the indices that would give "
        "them away are left out.",
        "- Free text, printed laboratory values, hashes of identifiers, document numbers and names of centres are left out.",
        f"- Small cells: {people} people in {cells} combinations of site, diagnosis, sex and ten years of age with fewer than "
        f"{settings['smallest_cell']} people; do not publish counts of these.",
        "",
    ]
    return "\n".join(lines)
