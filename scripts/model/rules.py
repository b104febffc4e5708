"""In: rules with reasons (YAML), patients. Out: whom a rule concerns, and what it does to features and probabilities.
Source: resources/knowledge/rules.yaml; three-valued logic (Kleene): an unknown value decides nothing by itself.
"""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd

from scripts.core.hashing import ROOT
from scripts.model.cohort_tables import Cohort

EFFECTS = ("floor", "withhold", "refuse")


@functools.cache
def read_rules(path: str) -> tuple[dict, ...]:
    """The rules of a YAML file; ValueError names the rule and what is wrong with it."""
    import yaml

    rules = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["rules"]
    for rule in rules:
        name = rule.get("id", "without id")
        missing = {"id", "when", "effect", "reason_en", "reason_zh", "source"} - set(rule)
        if missing:
            raise ValueError(f"rule {name}: {', '.join(sorted(missing))} is missing")
        if rule["effect"] not in EFFECTS:
            allowed = ", ".join(EFFECTS)
            raise ValueError(f"rule {name}: effect {rule['effect']!r}; allowed: {allowed}")
        needed = {"floor": "value", "withhold": "features"}.get(rule["effect"])
        if needed and needed not in rule:
            raise ValueError(f"rule {name}: effect {rule['effect']} needs {needed}")
    return tuple(rules)


class NotApplicable(Exception):
    """The cohort has no such feature, or not in a unit that the rule understands."""


def resolve(condition: dict, dictionaries: dict[str, pd.DataFrame]) -> dict:
    """A condition with its limits in the units of these dictionaries. Raises NotApplicable."""
    for word in ("all", "any"):
        if word in condition:
            return {word: [resolve(part, dictionaries) for part in condition[word]]}
    block, _, feature = condition["feature"].partition("__")
    dictionary = dictionaries.get(block)
    if dictionary is None or feature not in dictionary.index:
        raise NotApplicable(f"feature {feature} of block {block} is not in this cohort")
    unit, wanted = str(dictionary.loc[feature, "unit"] or ""), condition.get("unit", "")
    found = {key: float(condition[key]) for key in ("at_least", "below") if key in condition}
    if not found:
        raise ValueError(f"condition on {condition['feature']}: at_least or below is missing")
    if wanted and unit == f"log10({wanted})":
        found = {key: float(np.log10(value)) for key, value in found.items()}
    elif wanted and unit != wanted:
        stated = f"is in {unit!r}" if unit else "has no stated unit"
        raise NotApplicable(f"{condition['feature']} {stated}, {wanted!r} is needed")
    return {"feature": condition["feature"], **found}


def holds(condition: dict, cohort: Cohort) -> pd.Series:
    """1.0 = holds, 0.0 = does not, NaN = unknown, for every patient of obs; a resolved condition."""
    for word, settled in (("all", 0.0), ("any", 1.0)):
        if word in condition:
            parts = pd.concat([holds(part, cohort) for part in condition[word]], axis=1)
            known = parts.notna().all(axis=1)
            value = parts.min(axis=1) if word == "all" else parts.max(axis=1)
            return value.where(known | (parts == settled).any(axis=1))
    block, _, feature = condition["feature"].partition("__")
    table = cohort.tables.get(block)
    if table is None or feature not in table:
        return pd.Series(np.nan, index=cohort.obs.index)
    values = table[feature].reindex(cohort.obs.index)
    answer = pd.Series(1.0, index=values.index)
    if "at_least" in condition:
        # Limits that went through a logarithm meet values that did too: not off by the last bit.
        answer = answer.where(values >= condition["at_least"] - 1e-9, 0.0)
    if "below" in condition:
        answer = answer.where(values < condition["below"] - 1e-9, 0.0)
    return answer.where(values.notna())


def applicable(settings: dict, cohort: Cohort) -> tuple[list[dict], list[str]]:
    """Rules resolved for this cohort, and why the others are switched off."""
    found, off = [], []
    for rule in read_rules(settings["knowledge"]["rules"]):
        try:
            found.append({**rule, "when": resolve(rule["when"], cohort.dictionaries)})
        except NotApplicable as reason:
            off.append(f"rule {rule['id']}: {reason}")
    return found, off


def withheld(cohort: Cohort, rules: list[dict]) -> Cohort:
    """The cohort without the features that a rule withholds from the patients it concerns."""
    tables = dict(cohort.tables)
    for rule in rules:
        if rule["effect"] != "withhold":
            continue
        concerned = holds(rule["when"], cohort) == 1.0
        patients = concerned.index[concerned]
        for name in rule["features"]:
            block, _, feature = name.partition("__")
            if block in tables and feature in tables[block]:
                table = tables[block].copy()
                table.loc[table.index.intersection(patients), feature] = np.nan
                tables[block] = table
    return replace(cohort, tables=tables)


def overruled(scores: pd.DataFrame, cohort: Cohort, rules: list[dict]) -> pd.DataFrame:
    """Scores after the rules: floors and refusals; the column `notes` says which rule acted."""
    out = scores.copy()
    for rule in rules:
        concerned = (holds(rule["when"], cohort) == 1.0).reindex(out.index).to_numpy()
        text = f"rule {rule['id']}: {rule['reason_en']}"
        if rule["effect"] == "refuse":
            out.loc[concerned, "probability"] = np.nan
            out.loc[concerned & (out["refused"] == "").to_numpy(), "refused"] = text
            continue
        if rule["effect"] == "floor":
            concerned &= (out["probability"] < float(rule["value"])).to_numpy()
            out.loc[concerned, "probability"] = float(rule["value"])
        out.loc[concerned, "notes"] = [
            "; ".join(filter(None, [note, text])) for note in out.loc[concerned, "notes"]
        ]
    return out
