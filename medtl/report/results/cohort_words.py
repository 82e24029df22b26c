"""Who was left out of the study, in a sentence that its counts bear.

In: counts. Out: a sentence.
"""

from __future__ import annotations

from medtl.report.html.numbers import count


def left_out_sentence(*, files: int, cases: int, excluded: int, sealed: int = 0, limited: str | None = None) -> str:
    """What became of the cases that were not studied, without the last stop.

    Args:
        files: cases found before anything was left out, without the sealed test.
        cases: cases studied.
        excluded: cases left out by name and reason.
        sealed: cases kept as the sealed test.
        limited: what was studied, in words, where the run was limited to a part of the cohort.
    """
    sentences = [f"{excluded:,} of {count(cases + excluded, 'case')} were left out"] if excluded else []
    if limited:
        sentences.append(f"only a part of the cohort was studied ({limited})")
    elif files - cases - excluded > 0:
        sentences.append(f"{count(files - cases - excluded, 'further case')} did not come into the study")
    sentences = sentences or ["no case of the study's own cohort was left out"]
    if sealed:
        sentences.append(f"{count(sealed, 'further case')} {'was' if sealed == 1 else 'were'} sealed as the test")
    sentence = "; ".join(sentences)
    return sentence[0].upper() + sentence[1:]
