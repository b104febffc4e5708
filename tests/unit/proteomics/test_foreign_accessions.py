import pytest

from scripts.core.config import default_config
from scripts.proteomics.foreign_accessions import is_contaminant, is_decoy, is_foreign_group

PREFIXES = default_config()["proteomics"]["dia"]["contaminant_prefixes"]


@pytest.mark.parametrize(
    "accession",
    [
        *("Cont_P04264", "CON__P04264", "CON_P04264", "CONT_P04264", "contam_sp|P04264|K2C1_HUMAN"),
        *("sp|Cont_P04264|K2C1_HUMAN", "cRAP001|P04264|K2C1", "CRAP_P04264", "CONTAMINANT_P04264"),
    ],
)
def test_marks_of_contaminants(accession):
    assert is_contaminant(accession, PREFIXES) and not is_decoy(accession)


@pytest.mark.parametrize("accession", ["P04264", "sp|P02768|ALBU_HUMAN", "sp|P1|CONA_CANEN"])
def test_proteins_of_the_sample_are_neither(accession):
    assert not is_contaminant(accession, PREFIXES) and not is_decoy(accession)


def test_dda_and_dia_have_the_same_marks():
    dda, dia = (default_config()["proteomics"][kind] for kind in ("dda", "dia"))
    assert dda["contaminant_prefixes"] == dia["contaminant_prefixes"]


def test_a_group_with_one_contaminant_or_its_twin_is_foreign():
    assert is_foreign_group(["Cont_P4", "P4"], [], PREFIXES)
    assert is_foreign_group(["P4", "CON__P4"], [], PREFIXES)
    assert is_foreign_group(["P4"], ["P4", "Cont_P4"], PREFIXES)  # the twin shares its peptides
    assert not is_foreign_group(["P4"], ["P4", "Cont_P5"], PREFIXES)  # another protein's
    assert is_foreign_group(["rev_sp|P4|K"], [], PREFIXES)
    assert not is_foreign_group(["P4"], [], PREFIXES)
