"""Laboratory values of the demo's people, written the way each centre's laboratory prints them.

In: a Person. Out: rows of labs.tsv in Chinese and English, with mixed units. Source: medians and quartiles of HCC against
chronic liver disease, J Hepatocell Carcinoma 2020;7:219, table 1; burden shifts AFP and PIVKA-II on the log scale.
"""

import datetime

import numpy as np

from scripts.demo.latent import Person, generator

# How each centre prints an analyte: (name, unit, factor from the canonical unit, decimals).
_ENGLISH = {
    "afp": ("AFP", "ng/mL", 1, 2),
    "pivka2": ("PIVKA-II", "mAU/mL", 1, 1),
    "afp_l3": ("AFP-L3%", "%", 1, 1),
    "alb": ("ALB", "g/L", 1, 1),
    "tp": ("TP", "g/L", 1, 1),
    "tbil": ("TBIL", "umol/L", 1, 1),
    "dbil": ("DBIL", "umol/L", 1, 1),
    "alt": ("ALT", "U/L", 1, 0),
    "ast": ("AST", "U/L", 1, 0),
    "ggt": ("GGT", "U/L", 1, 0),
    "alp": ("ALP", "U/L", 1, 0),
    "plt": ("PLT", "10^9/L", 1, 0),
    "wbc": ("WBC", "10^9/L", 1, 2),
    "neut": ("NEUT#", "10^9/L", 1, 2),
    "lymph": ("LYMPH#", "10^9/L", 1, 2),
    "hgb": ("HGB", "g/L", 1, 0),
    "inr": ("INR", "", 1, 2),
    "crea": ("CRE", "umol/L", 1, 0),
    "na": ("Na", "mmol/L", 1, 0),
}
_CHINESE = {
    "afp": ("甲胎蛋白", "ng/mL", 1, 2),
    "pivka2": ("异常凝血酶原", "mAU/mL", 1, 1),
    "afp_l3": ("甲胎蛋白异质体比率", "%", 1, 1),
    "alb": ("白蛋白", "g/L", 1, 1),
    "tp": ("总蛋白", "g/L", 1, 1),
    "tbil": ("总胆红素", "μmol/L", 1, 1),
    "dbil": ("直接胆红素", "μmol/L", 1, 1),
    "alt": ("谷丙转氨酶", "U/L", 1, 0),
    "ast": ("谷草转氨酶", "U/L", 1, 0),
    "ggt": ("γ-谷氨酰转移酶", "U/L", 1, 0),
    "alp": ("碱性磷酸酶", "U/L", 1, 0),
    "plt": ("血小板计数", "X10E9/L", 1, 0),
    "wbc": ("白细胞计数", "X10E9/L", 1, 2),
    "neut": ("中性粒细胞绝对值", "X10E9/L", 1, 2),
    "lymph": ("淋巴细胞绝对值", "X10E9/L", 1, 2),
    "hgb": ("血红蛋白", "g/L", 1, 0),
    "inr": ("国际标准化比值", "", 1, 2),
    "crea": ("肌酐", "μmol/L", 1, 0),
    "na": ("钠", "mmol/L", 1, 0),
}
_PRINTED = {
    "C1": _ENGLISH,
    "C2": _CHINESE
    | {
        "afp": ("甲胎蛋白", "ug/L", 1, 2),
        "plt": ("血小板计数", "/uL", 1000, 0),
        "alt": ("谷丙转氨酶", "IU/L", 1, 0),
        "ast": ("谷草转氨酶", "IU/L", 1, 0),
    },
    "E1": _ENGLISH
    | {
        "afp_l3": ("AFP-L3", "1", 0.01, 3),
        "alb": ("ALB", "g/dL", 0.1, 2),
        "tp": ("TP", "g/dL", 0.1, 2),
        "tbil": ("TBIL", "mg/dL", 1 / 17.1, 2),
        "dbil": ("DBIL", "mg/dL", 1 / 17.1, 2),
        "crea": ("CRE", "mg/dL", 1 / 88.4, 2),
        "hgb": ("HGB", "g/dL", 0.1, 1),
    },
    "E2": _CHINESE,
}
_FULL_WIDTH = str.maketrans("0123456789.<", "０１２３４５６７８９．＜")
AFP_LIMIT = 0.61  # ng/mL, lowest value that the demo's assay reports
_VISIT_DAYS = 7  # an earlier visit, so that the nearest one has to be chosen


def _log_normal(rng, median: float, q1: float, q3: float) -> float:
    return float(np.exp(np.log(median) + np.log(q3 / q1) / 1.349 * rng.normal()))


def values_of(person: Person, seed: int) -> dict[str, float]:
    """Canonical values of one person; one draw of each number whatever the class, so that nobody shifts anybody."""
    rng = generator(seed, "labs", person.number)
    hcc, shift = person.hcc, (person.burden - 1.2) / 0.7 * 0.6

    def either(case: tuple, control: tuple) -> float:
        return _log_normal(rng, *(case if hcc else control))

    # 3.135 and 2.712: log-scale SD of AFP and PIVKA-II in HCC from the quartiles of the source
    afp_case = float(np.exp(np.log(33.11) + 3.135 * 0.55 * (shift + 0.8 * rng.normal())))
    pivka_case = float(np.exp(np.log(171.1) + 2.712 * 0.6 * (shift + 0.8 * rng.normal())))
    afp_control, pivka_control = (
        _log_normal(rng, 4.8, 2.7, 17.1),
        _log_normal(rng, 21.4, 15.7, 29.7),
    )
    # above 10 % in 36 % of HCC and 3.5 % of controls; one spread around 3 and 20 % for both classes
    l3_positive = rng.random() < (0.36 if hcc else 0.035)
    l3 = float(np.exp(np.log(20 if l3_positive else 3) + 0.5 * rng.normal()))
    alb = float(np.clip(rng.normal(35, 4.5) if hcc else rng.normal(36, 6), 20, 52))
    tbil = float(np.clip(either((21, 15, 32), (22, 14, 36)), 4, 400))
    plt = float(np.clip(rng.normal(140, 60) if hcc else rng.normal(160, 65), 25, 420))
    wbc = float(np.clip(rng.normal(5.4, 1.6), 2.0, 14))
    neutrophils = float(np.clip(rng.normal(0.60, 0.07), 0.35, 0.82))
    return {
        "afp": float(np.clip(afp_case if hcc else afp_control, 0.2, 400_000)),
        "pivka2": float(np.clip(pivka_case if hcc else pivka_control, 6, 80_000)),
        "afp_l3": float(np.clip(l3, *((10, 90) if l3_positive else (0.5, 9.9)))),
        "alb": alb,
        "tp": alb + float(np.clip(rng.normal(32, 4), 22, 50)),
        "tbil": tbil,
        "dbil": tbil * float(rng.uniform(0.2, 0.55)),
        "alt": float(np.clip(either((42, 28, 65), (51, 27, 116)), 6, 1500)),
        "ast": float(np.clip(either((51, 34, 76), (54, 34, 96)), 8, 1500)),
        "ggt": float(np.clip(either((130, 60, 280), (78, 29, 197)), 8, 1800)),
        "alp": float(np.clip(either((115, 85, 160), (95, 72, 130)), 30, 900)),
        "plt": plt,
        "wbc": wbc,
        "neut": wbc * neutrophils,
        "lymph": wbc * (0.93 - neutrophils),
        "hgb": float(np.clip(rng.normal(128, 17), 65, 175)),
        "inr": float(np.clip(np.exp(rng.normal(0.12, 0.12)), 0.85, 3)),
        "crea": float(np.clip(np.exp(rng.normal(np.log(74), 0.22)), 35, 250)),
        "na": float(np.clip(rng.normal(139, 3), 125, 148)),
    }


def rows_of(person: Person, seed: int) -> list[dict]:
    """Rows of labs.tsv of one person: the work-up and, for every fifth person, an earlier visit."""
    rng = generator(seed, "lab rows", person.number)
    values = values_of(person, seed)
    day = person.index_date - datetime.timedelta(days=int(rng.integers(0, 3)))
    rows = [_row(person, name, value, day) for name, value in values.items()]
    rows += _viral_rows(person, rng, day)
    if rng.random() < 0.2:
        earlier = day - datetime.timedelta(days=_VISIT_DAYS)
        for name in ("afp", "alb", "plt"):
            rows.append(_row(person, name, values[name] * float(rng.uniform(0.85, 1.15)), earlier))
    return rows


def _row(person: Person, variable: str, value: float, day: datetime.date) -> dict:
    name, unit, factor, decimals = _PRINTED[person.centre][variable]
    text = f"{value * factor:.{decimals}f}"
    if variable == "afp" and value < AFP_LIMIT:
        text = f"<{AFP_LIMIT}"
    return _line(person, name, text, unit, day)


def _line(person: Person, name: str, text: str, unit: str, day: datetime.date) -> dict:
    """One row; the county hospital types full-width digits and Chinese dates, C2 slashes."""
    date = day.isoformat()
    if person.centre == "E2":
        text, date = text.translate(_FULL_WIDTH), f"{day.year}年{day.month}月{day.day}日"
    elif person.centre == "C2":
        date = f"{day.year}/{day.month}/{day.day}"
    return {
        "patient_id": person.patient_id,
        "analyte": name,
        "value": text,
        "unit": unit,
        "date": date,
        "laboratory": f"LAB_{person.centre}",
        "method": "automated analyser",
    }


def _viral_rows(person: Person, rng, day: datetime.date) -> list[dict]:
    hbv = person.aetiology == "hbv"
    load, e_antigen = float(rng.normal(3.6, 1.4)), bool(rng.random() < 0.25)
    chinese = _PRINTED[person.centre]["afp"][0] == "甲胎蛋白"
    words = ("阳性(+)", "阴性(-)") if chinese else ("positive", "negative")
    surface, e_name = ("乙肝表面抗原", "乙肝e抗原") if chinese else ("HBsAg", "HBeAg")
    rows = [_line(person, surface, words[not hbv], "", day)]
    if hbv:
        rows.append(_line(person, e_name, words[not e_antigen], "", day))
        text = f"{10**load:.0f}" if load > 1.3 else "<20"
        rows.append(_line(person, "HBV-DNA", text, "IU/mL", day))
    rows.append(
        _line(
            person, "抗-HCV" if chinese else "anti-HCV", words[person.aetiology != "hcv"], "", day
        )
    )
    return rows


def printed_name(person: Person, variable: str) -> str:
    """The name under which a person's centre prints a variable."""
    return _PRINTED[person.centre][variable][0]
