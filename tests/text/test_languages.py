"""The language of a page is found from what greedy decoding reads of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.text import language, languages, ngrams, tuned
from htr_utils.text.charset import IAM79, Charset

SAID = {
    "en": [
        "We went down to the harbour when the rain was over,",
        "and the boats were all out again.",
    ],
    "fr": [
        "Nous sommes alles jusqu'au port quand la pluie a cesse,",
        "et les bateaux etaient deja partis.",
    ],
    "de": [
        "Wir gingen zum Hafen hinunter, als der Regen vorbei war,",
        "und die Boote waren schon wieder draussen.",
    ],
    "es": [
        "Bajamos hasta el puerto cuando dejo de llover,",
        "y los barcos ya habian salido otra vez.",
    ],
    "it": [
        "Siamo scesi fino al porto quando ha smesso di piovere,",
        "e le barche erano gia tutte fuori.",
    ],
}


def asked(lines: list[str], sure: float = 0.95) -> str:
    evidence = languages.Evidence(IAM79)
    for line in lines:
        evidence.add(line, [sure] * len(line))
    return evidence.language()


def damaged(text: str, share: float, seed: int) -> str:
    """Some letters misread, as greedy decoding misreads them."""
    random = np.random.default_rng(seed)
    letters = "aeionrstulcmdvgw ,"
    return "".join(letters[random.integers(18)] if random.random() < share else c for c in text)


@pytest.mark.parametrize("name", SAID)
def test_each_language_is_known_even_where_much_is_misread(name: str) -> None:
    assert asked(SAID[name], 0.97) == name
    for seed in range(5):
        assert asked([damaged(line, 0.15, seed) for line in SAID[name]], 0.8) == name


@pytest.mark.parametrize(
    "lines",
    [
        [
            "for i in range(10): x[i] = y[i] + 2",
            "if (n % 7 == 0) { s += n; }",
            "return f(x, y) * 0.5;",
        ],
        ["12.50 7.99 118.00 3.20", "4711 + 815 = 5526", "22 x 16 = 352"],
        [
            "Hirvonen P. Kowalczyk W. Nguyen T. Oyelaran B.",
            "Szymanska K. Rajesh V. Mbeki T. Tanaka Y.",
        ],
    ],
)
def test_no_language_foresees_programs_sums_and_names(lines: list[str]) -> None:
    assert asked([Charset().fold(line) for line in lines], 0.97) == languages.NONE


def test_a_short_line_that_could_be_anything_is_of_the_usual_language() -> None:
    assert asked(["Nota bene"], 0.9) == asked(["Maria"], 0.9) == languages.USUAL
    assert languages.Evidence(IAM79).language() == languages.USUAL


def test_a_charset_without_models_has_no_language() -> None:
    evidence = languages.Evidence(" abc")
    evidence.add("abc cab", [0.9] * 7)
    assert evidence.language() == languages.NONE


def test_languages_by_name() -> None:
    assert set(language.shipped()) == {"en", "fr", "de", "es", "it"}
    for name in ("auto", "none", "fr"):
        assert languages.check(name) == name
    with pytest.raises(HtrError, match="no language 'klingon'; use one of auto, none, "):
        languages.check("klingon")


def test_a_model_of_one_s_own_beside_the_shipped_ones_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any name will do; it takes part in `auto`, and shares the settings of the shipped ones."""
    random = np.random.default_rng(3)
    parts = ["ka", "lo", "mi", "ty", "zu", "wex", "qi", "noj"]
    words = ["".join(random.choice(parts, random.integers(1, 4))) for _ in range(300)]
    text = [" ".join(random.choice(words, 12)) for _ in range(2000)]
    (tmp_path / "model" / "languages").mkdir(parents=True)
    for file in language.shipped().values():
        (tmp_path / "model" / "languages" / file.name).symlink_to(file)
    ngrams.train(text[50:], IAM79, 4).save(tmp_path / "model" / "languages" / "ours.lm")
    monkeypatch.setattr(paths, "repo_root", lambda: tmp_path)
    languages._profiles.cache_clear()
    try:
        assert languages.check("ours") == "ours" and asked(text[:3]) == "ours"
        assert asked(SAID["fr"], 0.97) == "fr"
        assert tuned.settings_file("ours") == tmp_path / "model" / tuned.FILE
    finally:
        languages._profiles.cache_clear()


def test_a_network_of_other_characters_is_told_that_no_language_is_made_for_it() -> None:
    assert languages.none_for(IAM79) == ""
    assert "81 characters" in languages.none_for(IAM79 + "äö")


def test_shipped_models_are_small() -> None:
    for name, file in language.shipped().items():
        assert file.stat().st_size <= (5 if name == "en" else 2.5) * 2**20, name
