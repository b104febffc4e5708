"""Accessions that are no protein of the sample: contaminants and decoys, by the marks that search programs put on them.

In: accessions as FASTA files and tables write them. Out: whether one is a contaminant or a decoy. One rule for DDA and DIA.
Source: MaxQuant (CON__, REV__), DIA-NN and Frankenfield et al. 2022 (Cont_), FragPipe (contam_, rev_), quantms (CONTAMINANT_,
DECOY_), cRAP of the GPM, MS-GF+ (XXX_), Mascot and Comet (reversed, decoy).
"""

import re
from collections.abc import Iterable

# A mark is set off from the accession by a character that no word goes on with; ## is that of X!Tandem and Sequest.
DECOY_MARK = re.compile(
    r"^(?:(?:rev|reverse|reversed|decoy|xxx|random|rnd|shuffled?|shuf|pseudo)[_:|-]+|#{2,3})"
    r"|[_:|.-](?:rev|reverse|reversed|decoy|random|shuffled?)$",
    re.IGNORECASE,
)


def _named_parts(accession: str) -> list[str]:
    """The accession as written, and P02771 of sp|P02771|FETA_HUMAN: an entry name such as REV_HV1BR marks nothing."""
    text = accession.strip()
    parts = text.split("|")
    return [text, parts[1]] if len(parts) > 1 and parts[1] else [text]


def is_contaminant(accession: str, prefixes: Iterable[str]) -> bool:
    """Whether an accession bears the mark of a contaminant; capital and small letters are one."""
    marks = tuple(prefix.lower() for prefix in prefixes)
    return any(part.lower().startswith(marks) for part in _named_parts(accession))


def is_decoy(accession: str) -> bool:
    """Whether an accession bears the mark of a decoy, before or after it."""
    parts = _named_parts(accession)
    # The last part of sp|P1|NAME_rev is marked behind; one that begins with REV_ is an entry name.
    last = accession.strip().rpartition("|")[2]
    behind = DECOY_MARK.search(last) if "|" in accession else None
    return any(DECOY_MARK.search(part) for part in parts) or bool(behind and behind.start() > 0)


def bare(accession: str, prefixes: Iterable[str]) -> str:
    """The accession without the mark of a contaminant: P04264 of Cont_P04264 and of CON__P04264."""
    part = _named_parts(accession)[-1]
    for prefix in sorted(prefixes, key=len, reverse=True):
        if part.lower().startswith(prefix.lower()):
            return part[len(prefix) :].lstrip("_-|")
    return part


def is_foreign_group(accessions: list[str], others: list[str], prefixes: list[str]) -> bool:
    """Whether a protein group is no protein of the sample: a member is a decoy or a contaminant, or has a contaminant twin.

    `others` are proteins that share peptides with the group without being members; of these only a twin counts, the same
    accession with a contaminant's mark.
    """
    if any(is_decoy(one) or is_contaminant(one, prefixes) for one in accessions):
        return True
    twins = {bare(one, prefixes) for one in others if is_contaminant(one, prefixes)}
    return any(bare(one, prefixes) in twins for one in accessions)
