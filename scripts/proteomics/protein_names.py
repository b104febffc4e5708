"""Names of proteins as features: the same protein group has the same name in every run, table and cohort.

In: accessions of a group, gene symbol. Out: a feature name such as AFP_P02771. Source: UniProt accession formats.
"""

import hashlib
import re

_OTHER = re.compile(r"[^A-Za-z0-9_.-]+")


def short_accession(accession: str) -> str:
    """P02771 of sp|P02771|FETA_HUMAN, of tr|...; anything else unchanged."""
    parts = accession.split("|")
    return parts[1] if len(parts) >= 3 and parts[0] in ("sp", "tr") else accession


def feature_name(accessions: list[str], gene: str) -> str:
    """Gene symbol and first accession; of a group of several, four hex digits of all accessions are added.

    The name depends on the group alone, never on what else was found in a run.
    """
    short = [short_accession(a.strip()) for a in accessions]
    symbol = re.split(r"[;,]", gene)[0].strip()
    parts = [symbol] if symbol and symbol.lower() not in ("nan", "null", "na") else []
    parts.append(short[0])
    if len(short) > 1:
        parts.append(hashlib.sha256(";".join(sorted(short)).encode()).hexdigest()[:4])
    return _OTHER.sub("_", "_".join(parts))
