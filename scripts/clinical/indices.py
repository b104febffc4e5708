"""Clinical indices of liver function, fibrosis and HCC risk, on arrays.

In: numbers or arrays in the units that each function names (NaN = missing). Out: arrays; NaN
wherever an input is missing.
Source: the paper at each function; checked against the worked values of
tests/data/golden_indices.yaml.
"""

import numpy as np


def _all_known(*inputs) -> np.ndarray:
    return ~np.any([np.isnan(np.asarray(x, dtype=float)) for x in np.broadcast_arrays(*inputs)], 0)


def _where_known(value, *inputs) -> np.ndarray:
    return np.where(_all_known(*inputs), value, np.nan)


def _quiet(function):
    """Logarithms of zero and divisions by zero become NaN, not warnings."""

    def wrapped(*arguments, **named):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            arrays = [np.asarray(a, dtype=float) for a in arguments]
            result = function(*arrays, **{k: np.asarray(v, dtype=float) for k, v in named.items()})
        return np.where(np.isfinite(result), result, np.nan)

    wrapped.__name__, wrapped.__doc__ = function.__name__, function.__doc__
    return wrapped


def _round_half_up(value) -> np.ndarray:
    return np.floor(np.asarray(value, dtype=float) + 0.5)


@_quiet
def fib4(age, ast, alt, plt):
    """FIB-4 = age x AST / (PLT x sqrt ALT); years, U/L, U/L, 10^9/L. Sterling 2006, Hepatology
    43:1317."""
    return age * ast / (plt * np.sqrt(alt))


@_quiet
def apri(ast, ast_uln, plt):
    """APRI = (AST / ULN) / PLT x 100; U/L, U/L, 10^9/L. Wai 2003, Hepatology 38:518."""
    return ast / ast_uln / plt * 100


@_quiet
def gpr(ggt, ggt_uln, plt):
    """GPR = (GGT / ULN) / PLT x 100; U/L, U/L, 10^9/L. Lemoine 2016, Gut 65:1369."""
    return ggt / ggt_uln / plt * 100


@_quiet
def ratio(numerator, denominator):
    """A plain ratio: De Ritis (AST/ALT), NLR (neutrophils/lymphocytes), PLR
    (platelets/lymphocytes)."""
    return numerator / denominator


@_quiet
def albi(tbil, alb):
    """ALBI = 0.66 log10(bilirubin umol/L) - 0.085 albumin g/L. Johnson 2015, J Clin Oncol
    33:550."""
    return 0.66 * np.log10(tbil) - 0.085 * alb


@_quiet
def albi_grade(score):
    """Grade 1 up to -2.60, 2 up to -1.39, else 3. Johnson 2015."""
    return _where_known(1 + (score > -2.60) + (score > -1.39), score)


@_quiet
def child_pugh(tbil, alb, inr, ascites, encephalopathy):
    """Child-Pugh points, 5 to 15; umol/L, g/L, ratio; ascites and encephalopathy as 1, 2, 3 points.
    Pugh 1973."""
    tbil, alb, inr = (np.round(x, 9) for x in (tbil, alb, inr))  # 3 mg/dL x 17.1 is 51.3, not more
    points = 1 + (tbil >= 34.2) + (tbil > 51.3)
    points = points + 1 + (alb <= 35) + (alb < 28)
    points = points + 1 + (inr >= 1.7) + (inr > 2.3)
    return _where_known(points + ascites + encephalopathy, tbil, alb, inr, ascites, encephalopathy)


def child_pugh_class(points) -> np.ndarray:
    """1, 2, 3 for class A (5-6 points), B (7-9), C (10-15)."""
    points = np.asarray(points, dtype=float)
    return _where_known(1 + (points > 6) + (points > 9), points)


@_quiet
def meld_i(crea_mg, tbil_mg, inr, dialysis=0.0):
    """MELD(i), not rounded; mg/dL, mg/dL, ratio. Creatinine 1 to 4 (4 under dialysis). Kamath 2001;
    UNOS 2016."""
    creatinine = np.where(
        dialysis > 0, np.where(np.isnan(crea_mg), np.nan, 4.0), np.clip(crea_mg, 1, 4)
    )
    score = 9.57 * np.log(creatinine) + 3.78 * np.log(np.maximum(tbil_mg, 1))
    score = score + 11.2 * np.log(np.maximum(inr, 1)) + 6.43
    return np.clip(score, 6, 40)


@_quiet
def meld_na(crea_mg, tbil_mg, inr, na, dialysis=0.0):
    """MELD-Na, whole points 6 to 40. MELD(i) is rounded first, sodium (125-137) acts above 11. OPTN
    policy 9.1.D, 2016."""
    base = _round_half_up(meld_i(crea_mg, tbil_mg, inr, dialysis))
    gap = 137 - np.clip(na, 125, 137)
    with_sodium = base + 1.32 * gap - 0.033 * base * gap
    score = _round_half_up(np.where(base > 11, with_sodium, base))
    return _where_known(np.clip(score, 6, 40), base, na)


@_quiet
def meld3(female, tbil_mg, na, inr, crea_mg, alb_g_dl, dialysis=0.0):
    """MELD 3.0, whole points 6 to 40; creatinine 1 to 3, albumin 1.5 to 3.5 g/dL. Kim 2021,
    Gastroenterology 161:1887."""
    creatinine = np.where(
        dialysis > 0, np.where(np.isnan(crea_mg), np.nan, 3.0), np.clip(crea_mg, 1, 3)
    )
    bilirubin, inr = np.log(np.maximum(tbil_mg, 1)), np.log(np.maximum(inr, 1))
    gap, albumin = 137 - np.clip(na, 125, 137), 3.5 - np.clip(alb_g_dl, 1.5, 3.5)
    score = 1.33 * female + 4.56 * bilirubin + 0.82 * gap - 0.24 * gap * bilirubin + 9.09 * inr
    score = score + 11.14 * np.log(creatinine) + 1.85 * albumin
    score = score - 1.83 * albumin * np.log(creatinine) + 6
    return np.clip(_round_half_up(score), 6, 40)


@_quiet
def egfr_2021(crea_mg, age, female):
    """CKD-EPI 2021 eGFR in mL/min/1.73 m2; mg/dL, years. Inker 2021, N Engl J Med 385:1737."""
    kappa, alpha = np.where(female > 0, 0.7, 0.9), np.where(female > 0, -0.241, -0.302)
    scaled = crea_mg / kappa
    value = 142 * np.minimum(scaled, 1) ** alpha * np.maximum(scaled, 1) ** -1.2 * 0.9938**age
    return _where_known(value * np.where(female > 0, 1.012, 1.0), female)


@_quiet
def amap(age, male, tbil, alb, plt):
    """aMAP, 0 to 100; umol/L, g/L, 10^9/L; below 50 low, 50-60 intermediate, above 60 high. Fan
    2020, J Hepatol 73:1368."""
    return (0.06 * age + 0.89 * male + 0.48 * albi(tbil, alb) - 0.01 * plt + 7.4) / 14.77 * 100


@_quiet
def asap_logit(age, female, afp, pivka2):
    """ASAP linear predictor; AFP ng/mL, PIVKA-II mAU/mL; derived in chronic hepatitis B. Yang 2019,
    CEBP 28:1698."""
    markers = 0.42243533 * np.log(afp) + 1.10518910 * np.log(pivka2)
    return -7.57711770 + 0.04666357 * age - 0.57611693 * female + markers


def asap(age, female, afp, pivka2) -> np.ndarray:
    """ASAP probability of HCC, 0 to 1; inputs as in asap_logit."""
    return 1 / (1 + np.exp(-asap_logit(age, female, afp, pivka2)))


@_quiet
def galad(age, male, afp, afp_l3, dcp):
    """GALAD linear predictor; AFP ng/mL, AFP-L3 %, DCP in ng/mL (not mAU/mL). Johnson 2014, CEBP
    23:144."""
    markers = 2.34 * np.log10(afp) + 0.04 * afp_l3 + 1.33 * np.log10(dcp)
    return -10.08 + 0.09 * age + 1.67 * male + markers


def _steps(value, *cuts) -> np.ndarray:
    """Points from (threshold, points) pairs in rising order; 0 below the first threshold."""
    points = np.zeros_like(np.asarray(value, dtype=float))
    for threshold, number in cuts:
        points = np.where(value >= threshold, number, points)
    return points


@_quiet
def page_b(age, male, plt):
    """PAGE-B, 0 to 25; years, 10^9/L; <=9 low, 10-17 intermediate, >=18 high. Papatheodoridis 2016,
    J Hepatol 64:800."""
    points = _steps(age, (30, 2), (40, 4), (50, 6), (60, 8), (70, 10)) + 6 * male
    return _where_known(points + 9 + _steps(plt, (100, -3), (200, -9)), age, male, plt)


@_quiet
def mpage_b(age, male, plt, alb):
    """Modified PAGE-B, 0 to 21; albumin g/L; <=8 low, 9-12 intermediate, >=13 high. Kim 2018, J
    Hepatol 69:1066."""
    points = _steps(age, (30, 3), (40, 5), (50, 7), (60, 9), (70, 11)) + 2 * male
    points = points + 5 + _steps(plt, (100, -1), (150, -2), (200, -3), (250, -5))
    return _where_known(points + 3 + _steps(alb, (30, -1), (35, -2), (40, -3)), age, male, plt, alb)


@_quiet
def reach_b(age, male, alt, hbeag, hbv_copies):
    """REACH-B, 0 to 17; ALT U/L, HBV DNA in copies/mL (not IU/mL). Yang 2011, Lancet Oncol
    12:568."""
    points = np.clip(np.floor((np.floor(age) - 30) / 5), 0, 6) + 2 * male + 2 * hbeag
    points = points + _steps(alt, (15, 1), (45, 2))
    points = points + _steps(hbv_copies, (1e4, 3), (1e5, 5), (1e6, 4))
    return _where_known(points, age, male, alt, hbeag, hbv_copies)


@_quiet
def bmi(weight_kg, height_cm):
    """Body mass index in kg/m2."""
    return weight_kg / (height_cm / 100) ** 2


def bmi_class_zh(value: float) -> str:
    """Chinese classes: below 18.5 偏瘦, below 24 正常, below 28 超重, else 肥胖. WS/T 428-2013."""
    for limit, name in ((18.5, "偏瘦"), (24, "正常"), (28, "超重")):
        if value < limit:
            return name
    return "肥胖"


def risk_class(value: float, low_below: float, high_from: float, *, above: bool = False) -> str:
    """ "low", "intermediate" or "high"; with `above`, high begins only above `high_from` (aMAP:
    above 60)."""
    if value < low_below:
        return "low"
    return "high" if value > high_from or (value == high_from and not above) else "intermediate"


def _risk_group(score, low: float, high: float) -> np.ndarray:
    """1 below `low`, 2 from `low` up to and with `high`, 3 above."""
    score = np.asarray(score, dtype=float)
    with np.errstate(invalid="ignore"):
        return _where_known(1 + (score >= low) + (score > high), score)


def fib4_group(score) -> np.ndarray:
    """1 below 1.45, 2 up to 3.25, 3 above (advanced fibrosis). Sterling 2006, Hepatology 43:1317."""
    return _risk_group(score, 1.45, 3.25)


def amap_group(score) -> np.ndarray:
    """1 low (below 50), 2 medium (50 to 60), 3 high (above 60). Fan 2020, J Hepatol 73:1368."""
    return _risk_group(score, 50, 60)


def page_b_group(score) -> np.ndarray:
    """1 low (up to 9), 2 intermediate (10 to 17), 3 high (from 18). Papatheodoridis 2016, J Hepatol 64:800."""
    return _risk_group(score, 10, 17)


def mpage_b_group(score) -> np.ndarray:
    """1 low (up to 8), 2 intermediate (9 to 12), 3 high (from 13). Kim 2018, J Hepatol 69:1066."""
    return _risk_group(score, 9, 12)
