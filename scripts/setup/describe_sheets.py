"""The reference part of docs/inputs.md: every sheet and column, as the schemas say it.

In: config/schemas/*.schema.yaml, docs/inputs.md. Out: docs/inputs.md with the part between the two marks replaced. Source: the
schemas; `python -m scripts.setup.describe_sheets` after a schema has changed.
"""

from scripts.core.hashing import ROOT
from scripts.core.sheets import SCHEMAS, schema_of

DOCUMENT = ROOT / "docs" / "inputs.md"
BEGIN, END = "<!-- begin: made from the schemas -->", "<!-- end: made from the schemas -->"
ORDER = (
    *("patients", "consents", "assays", "given_up", "labs", "history", "pathology", "ihc"),
    *("samples", "sample_events", "aliquots", "extractions"),
    *("imaging_studies", "imaging_series", "annotations"),
    *("ethics_approvals", "study", "external_sites", "personnel", "equipment"),
    *("qc_records", "qc_documents", "feature_dictionary"),
)


def accepts(rule: dict) -> str:
    """What a column accepts, in one phrase."""
    if "enum" in rule:
        words = ", ".join(map(str, rule["enum"]))
        synonyms = ", ".join(rule.get("x-synonyms", {}))
        return f"{words} (also {synonyms})" if synonyms else words
    if "x-allowed" in rule:
        return rule["x-allowed"]
    if rule.get("format") == "date":
        return "YYYY-MM-DD"
    if rule.get("pattern") == "^[A-Za-z0-9_-]+$":
        return "id"
    if rule.get("pattern") == "^[A-Za-z0-9_.-]+$":
        return "id, dots allowed"
    kind = {"integer": "whole number", "number": "number", "boolean": "yes / no"}.get(
        rule["type"], "text"
    )
    if "minimum" in rule and "maximum" in rule:
        return f"{kind}, {rule['minimum']} to {rule['maximum']}"
    return f"{kind} >= {rule['minimum']}" if "minimum" in rule else kind


def describe(name: str) -> str:
    """One sheet as a Markdown section."""
    schema = schema_of(name)
    first = (SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8").split("\n")[0]
    title = "features/&lt;block&gt;.features.tsv" if name == "feature_dictionary" else f"{name}.tsv"
    lines = [f"### {title}", "", first.removeprefix("# "), ""]
    for columns in schema.get("x-unique", []):
        lines += [f"Must be unique: {' + '.join(columns)}.", ""]
    lines += ["| column | accepts | meaning |", "|---|---|---|"]
    for column, rule in schema["properties"].items():
        bold = "**" if column in schema.get("required", []) else ""
        star = (
            " (column required, cell may be empty)" if column in schema.get("x-columns", []) else ""
        )
        meaning = rule.get("description", "")
        meaning += f"; must be in {rule['x-in']}.tsv" if "x-in" in rule else ""
        cells = [f"{bold}{column}{bold}", accepts(rule), meaning + star]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for pattern, rule in schema.get("patternProperties", {}).items():
        lines.append(
            f"| {pattern.strip('^$')} | text | {rule.get('description', '')} |".replace(
                "[a-z0-9_]+", "..."
            )
        )
    return "\n".join(lines)


def with_reference(document: str) -> str:
    """The document with the part between the marks made new. ValueError when the marks are not there."""
    if BEGIN not in document or END not in document:
        raise ValueError(f"the document needs the marks {BEGIN} and {END}")
    before, after = document.split(BEGIN)[0], document.split(END)[1]
    sheets = [name for name in ORDER if (SCHEMAS / f"{name}.schema.yaml").exists()]
    return before + BEGIN + "\n\n" + "\n\n".join(map(describe, sheets)) + "\n\n" + END + after


def main() -> None:
    """Rewrite the reference part of docs/inputs.md."""
    DOCUMENT.write_text(with_reference(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
