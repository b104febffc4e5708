"""In: a fused model and its description. Out: a bundle directory, byte-identical for equal
models, and its loader.
Source: skops (models without pickle), XGBoost JSON; architecture, "A model leaves training only as a locked bundle".
"""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.hashing import digest_of_file, person_hash
from scripts.core.locked_bundle import MARK as MARK
from scripts.core.locked_bundle import SUMS, BundleError, content_hash, files_of
from scripts.core.locked_bundle import verify as verify
from scripts.model import fused, harmonisation

SCHEMA_VERSION = 1
ALLOWED_TYPES = frozenset(
    {
        "numpy.dtype",
        "scripts.model.knowledge.SetScores",
        "scripts.model.pipelines.BlockWeight",
        "scripts.model.pipelines.Limits",
        "scripts.model.pipelines.UsableFeatures",
        "scripts.model.selectors.Mrmr",
        "scripts.model.selectors.StabilitySelection",
        "scripts.model.selectors.Strongest",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.tree._tree.Tree",
    }
)
_ID = re.compile(r'("__id__": |"file": ")(\d+)')


def skops_bytes(model) -> bytes:
    """A scikit-learn object as skops archive, equal for equal objects.

    skops names members by memory address and stamps the time: ids are renumbered by first
    appearance, members sorted, dates fixed.
    """
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = members.pop("schema.json").decode()
    numbers: dict[str, str] = {}
    for found in _ID.finditer(schema):
        numbers.setdefault(found.group(2), str(len(numbers) + 1))
    schema = _ID.sub(lambda m: m.group(1) + numbers[m.group(2)], schema)
    renamed = {"schema.json": schema.encode()}
    for name, data in members.items():
        stem, dot, suffix = name.partition(".")
        renamed[numbers[stem] + dot + suffix] = data
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(renamed):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), renamed[name])
    return out.getvalue()


def load_skops(data: bytes, name: str):
    """Load a skops archive; BundleError when it holds a type that is not on the list."""
    import skops.io

    extra = sorted(set(skops.io.get_untrusted_types(data=data)) - ALLOWED_TYPES)
    if extra:
        raise BundleError(f"{name} holds types that a bundle may not hold: {', '.join(extra)}")
    return skops.io.loads(data, trusted=sorted(ALLOWED_TYPES))


def model_bytes(member: fused.TrainedMember) -> bytes:
    """The learner of a member: XGBoost as its JSON, all others as skops."""
    if member.member.learner == "xgboost":
        return bytes(member.model.get_booster().save_raw("json"))
    return skops_bytes(member.model)


def load_model(learner: str, data: bytes, name: str):
    """The learner that `model_bytes` wrote; BundleError when it holds a type that is not on the list."""
    if learner != "xgboost":
        return load_skops(data, name)
    from xgboost import XGBClassifier

    model = XGBClassifier(n_jobs=1)
    model.load_model(bytearray(data))
    return model


def write_bundle(
    folder: Path, model: fused.FusedModel, description: dict, more: dict[str, bytes] | None = None
) -> str:
    """Write a bundle into an existing empty folder and return its content hash; `more` are further files {name: bytes}."""
    members = []
    for number, member in enumerate(model.members):
        stem = f"{number:02d}_{member.member.name}"
        preparation = f"{stem}.preparation.skops"
        (folder / preparation).write_bytes(skops_bytes(member.preparation))
        file = f"{stem}.model.{'json' if member.member.learner == 'xgboost' else 'skops'}"
        (folder / file).write_bytes(model_bytes(member))
        harmonise = ""
        if member.harmoniser is not None:
            harmonise = f"{stem}.harmonise.npz"
            harmonisation.write_harmoniser(folder / harmonise, member.harmoniser)
        members.append(
            {
                "name": member.member.name,
                "harmonise": harmonise,
                "learner": member.member.learner,
                "blocks": member.member.blocks,
                "columns": [list(column) for column in member.columns],
                "core": [list(column) for column in member.core],
                "preparation": preparation,
                "model": file,
                "intercept": member.intercept,
                "slope": member.slope,
                "prior": member.prior,
                "parameters": member.parameters,
            }
        )
    evidence = model.evidence.copy()
    evidence.index = [person_hash(patient) for patient in evidence.index]
    evidence.insert(0, "label", model.y)
    evidence.rename_axis("person").sort_index().to_parquet(folder / "oof.parquet")
    fusion = {"weights": model.weights, "rules": model.rules}
    body = {
        "schema_version": SCHEMA_VERSION,
        "members": members,
        "fusion": fusion,
        **description,
    }
    text = json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    (folder / "bundle.json").write_text(text, encoding="utf-8")
    for name, data in (more or {}).items():
        (folder / name).write_bytes(data)
    return write_sums(folder)


def write_sums(folder: Path) -> str:
    """Write SHA256SUMS over all files of a folder; the bundle's content hash is taken from it."""
    lines = [f"{digest_of_file(folder / name)}  {name}\n" for name in sorted(files_of(folder))]
    (folder / SUMS).write_text("".join(lines))
    return content_hash(folder)


def load_bundle(folder: Path, expected: str = "") -> tuple[fused.FusedModel, dict]:
    """A verified bundle as model and description.

    expected : the content hash that the lock names. Raises BundleError.
    """
    folder = Path(folder)
    verify(folder)
    if expected and content_hash(folder) != expected:
        raise BundleError(f"bundle {folder.name}: content hash is not {expected}")
    description = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    if description["schema_version"] != SCHEMA_VERSION:
        raise BundleError(f"bundle {folder.name}: schema {description['schema_version']} unknown")
    stored = pd.read_parquet(folder / "oof.parquet")
    y = stored.pop("label").to_numpy(int)
    members = [_load_member(folder, entry, stored) for entry in description["members"]]
    fusion = description["fusion"]
    model = fused.FusedModel(
        members, stored, y, description["settings"], fusion["weights"], fusion["rules"]
    )
    return model, description


def _load_member(folder: Path, entry: dict, stored: pd.DataFrame) -> fused.TrainedMember:
    columns = tuple((block, feature) for block, feature in entry["columns"])
    preparation = load_skops((folder / entry["preparation"]).read_bytes(), entry["preparation"])
    model = load_model(entry["learner"], (folder / entry["model"]).read_bytes(), entry["model"])
    harmoniser = None
    if entry["harmonise"]:
        harmoniser = harmonisation.read_harmoniser(folder / entry["harmonise"])
    return fused.TrainedMember(
        member=fused.Member(entry["name"], columns, entry["learner"]),
        columns=columns,
        preparation=preparation,
        model=model,
        intercept=entry["intercept"],
        slope=entry["slope"],
        prior=entry["prior"],
        evidence=stored[entry["name"]].dropna(),
        weights={},
        parameters=entry["parameters"],
        harmoniser=harmoniser,
        core=tuple((block, feature) for block, feature in entry.get("core", [])),
    )


def check_units(description: dict, dictionaries: dict[str, pd.DataFrame]) -> int:
    """BundleError when a feature comes in another unit than it was trained in.

    Returns the number of features whose unit the new data do not state although the bundle does.
    """
    wrong, silent = [], 0
    for entry in description["features"]:
        dictionary = dictionaries.get(entry["block"])
        if dictionary is None or entry["feature"] not in dictionary.index:
            continue
        unit = str(dictionary.loc[entry["feature"], "unit"] or "")
        if entry["unit"] and not unit:
            silent += 1
        elif unit != entry["unit"]:
            wrong.append(
                f"{entry['block']}: {entry['feature']} in {unit!r}, trained in {entry['unit']!r}"
            )
    if wrong:
        raise BundleError("units differ from the bundle's: " + "; ".join(wrong))
    return silent


def out_of_range(description: dict, cohort) -> pd.Series:
    """Share of a patient's measured features that lie outside the training range."""
    outside = pd.Series(0.0, index=cohort.obs.index)
    measured = pd.Series(0.0, index=cohort.obs.index)
    by_block: dict[str, list[dict]] = {}
    for entry in description["features"]:
        by_block.setdefault(entry["block"], []).append(entry)
    for block, entries in by_block.items():
        if block not in cohort.tables:
            continue
        values = cohort.tables[block].reindex(columns=[e["feature"] for e in entries])
        low, high = (np.array([e[k] for e in entries], float) for k in ("low", "high"))
        array = values.to_numpy(float)
        beyond = (array < low) | (array > high)
        outside.loc[values.index] += beyond.sum(axis=1)
        measured.loc[values.index] += (~np.isnan(array)).sum(axis=1)
    return (outside / measured.where(measured > 0)).fillna(0.0)
