"""In: the open question about a bundle whose training subjects withdrew, a decision. Out: the decision in the same table.
Source: PIPL (2021) articles 15 and 47, GDPR article 17(3): processing before a withdrawal stays lawful, a model needs a ground.
"""

import datetime
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.atomic_file import write_atomically
from scripts.core.withdrawal import BUNDLE_COLUMNS, DECISIONS, read_lines

EXAMPLE = (
    "--config withdrawal='{bundle: <hash>, decision: keep, ground: legal ground and document}'"
)


class RefusedDecision(core_job.Refused):
    """The decision cannot be recorded; the message says what lacks."""


def decide(path: Path, bundle: str, decision: str, ground: str, today: str) -> int:
    """Write a decision into the open questions about a bundle and return how many there were.

    keep needs a ground. Decided lines are never changed. Raises RefusedDecision.
    """
    if decision not in DECISIONS:
        allowed = ", ".join(DECISIONS)
        raise RefusedDecision(
            f"decision {decision!r} is not allowed; allowed: {allowed} ({EXAMPLE})"
        )
    if decision == "keep" and not ground:
        raise RefusedDecision(f"keep needs the legal ground on which the model is kept ({EXAMPLE})")
    rows = read_lines(path)
    own = [row for row in rows if row["bundle"] == bundle]
    asked = [row for row in own if row["decision"].strip() in ("", "open")]
    if not asked:
        names = ", ".join(sorted({row["bundle"] for row in rows})) or "none"
        why = "is decided already" if own else "has no question"
        raise RefusedDecision(f"bundle {bundle!r} {why}; bundles with questions: {names}")
    text = f"{decision}: {ground}" if ground else decision
    for row in asked:
        row["decision"] = f"{text} ({today})".replace("\t", " ").replace("\n", " ")
    lines = [BUNDLE_COLUMNS, *([row[c] for c in BUNDLE_COLUMNS] for row in rows)]
    write_atomically(path, "".join("\t".join(line) + "\n" for line in lines))
    return len(asked)


def main(job):
    """Record what becomes of a bundle after training subjects withdrew.

    input: none; output: none
    params: table (locks/bundle_withdrawals.tsv), asked {bundle, decision (keep or retrain), ground}
    """
    with core_job.step(job) as step:
        asked = {key: str(value).strip() for key, value in dict(job.params.asked).items()}
        today = datetime.date.today().isoformat()
        decision, name = asked.get("decision", ""), asked.get("bundle", "")
        count = decide(Path(job.params.table), name, decision, asked.get("ground", ""), today)
        step.log.info("%s: %s, %d questions", name, decision, count)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
