"""Red flags of the audit, as the top of the report names them."""

from scripts.report import audit


def check(name: str, verdict: str, text: str) -> dict:
    return {"check": name, "verdict": verdict, "text_en": text, "text_zh": text}


def test_a_flag_that_is_only_a_number_is_named():
    found = audit.flags(
        {
            "checks": [
                check("negative control: batch", "WARN", "AUC 0.71 (0.60-0.80)"),
                check("duplicate rows", "WARN", "patients whose feature rows are equal"),
                check("centre against label", "PASS", "p 0.5"),
            ]
        }
    )
    assert found[0].en == "negative control: batch: AUC 0.71 (0.60-0.80)"
    assert found[0].zh.startswith("阴性对照：仅批次：")
    assert found[1].en == "patients whose feature rows are equal" and len(found) == 2
