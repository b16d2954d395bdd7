"""The decoder and the gate as they were tuned: language model, word list and the settings chosen on validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.errors import HtrError
from htr_utils.text import language, languages, literal, spelling
from htr_utils.text.charset import Charset
from htr_utils.text.decoding import Candidate, greedy
from htr_utils.text.fusion import Lexicon, prefix_beam
from htr_utils.text.settings import Fusion, Scale, Scales, Settings

if TYPE_CHECKING:
    from htr_utils.text.gate import Gate

CANDIDATES = 5  # readings of the beam that the gate is shown, as when it was measured
FILE = "decoding.json"


def scales(sha256: str, name: str | Path = languages.USUAL) -> dict[str, Scales]:
    """The scales of each decoder, where those that lie beside a language model were made for the model of this hash.

    Raises:
        HtrError: a file that is damaged.
    """
    stored = _stored(name)
    return dict(stored["confidence"]) if stored and stored["model"] == sha256 else {}


def settings_file(name: str | Path) -> Path:
    """Where the settings of a language model lie: beside it, or beside the folder of the shipped ones."""
    file = language.find(name)
    return file.parents[1 if str(name) in language.shipped() else 0] / FILE


def _stored(name: str | Path) -> dict[str, Any]:
    """The settings beside a language model; {} where there are none."""
    file = settings_file(name)
    return _read(file, file.stat().st_mtime_ns) if file.is_file() else {}


@lru_cache
def _read(file: Path, changed: int) -> dict[str, Any]:
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        confidence = {
            decoder: Scales(*(_checked(Scale, both[kind]) for kind in ("letter", "word")))
            for decoder, both in stored.get("confidence", {}).items()
        }
        return {
            "model": stored.get("model"),
            "fusion": _checked(Fusion, stored["fusion"]),
            "settings": _checked(Settings, stored["gate"]),
            "gated": tuple(str(decoder) for decoder in stored["gated"]),
            "confidence": confidence,
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise HtrError(
            f"{file}: settings that cannot be read ({error}); run the tuning again"
        ) from error


@dataclass(frozen=True)
class Tuned:
    """A language model with its settings; word list and gate are made when they are first asked for.

    gated: decoders ("greedy", "lm", "lexicon") after which the gate was found better on every set that chose settings.
    confidence: the scales of each decoder. listed: the word list, where it is known; else it is taken from the model.
    """

    lm: language.LanguageModel
    fusion: Fusion = field(default_factory=Fusion)
    settings: Settings = field(default_factory=Settings)
    gated: tuple[str, ...] = ()
    confidence: Mapping[str, Scales] = field(default_factory=dict)
    listed: dict[str, int] | None = None

    @classmethod
    def load(cls, charset: Charset, name: str | Path = languages.USUAL) -> Tuned:
        """The language model of a name or path, with the settings that lie beside it in `decoding.json`, if any.

        Raises:
            HtrError: as `LanguageModel.load`; settings that are damaged.
        """
        lm = language.LanguageModel.load(name, charset)
        # autocorrect brings English words alone
        listed = None if name == languages.USUAL else {w.lower(): n for w, n in lm.words.items()}
        stored = {key: value for key, value in _stored(name).items() if key != "model"}
        return cls(lm, listed=listed, **stored)

    @cached_property
    def words(self) -> dict[str, int]:
        return self.listed or spelling.dictionary(self.lm.words)

    @cached_property
    def lexicon(self) -> Lexicon:
        words = self.listed or spelling.listed(self.lm.words)
        return Lexicon(words, self.lm.characters, self.fusion.price, self.fusion.letter)

    @cached_property
    def gate(self) -> Gate:
        from htr_utils.text.gate import Gate

        return Gate(self.lm, self.words, self.settings)

    def decode(
        self,
        log_probs: ArrayLike,
        lengths: ArrayLike,
        *,
        lexicon: bool = True,
        width: int | None = None,
        top: int = 1,
    ) -> list[list[Candidate]]:
        """`prefix_beam` with these settings; literal words stay as greedy decoding reads them."""
        how, values = self.fusion, np.asarray(log_probs)
        plain = greedy(values, lengths)
        readings = prefix_beam(
            literal.fixed(values, np.asarray(lengths), plain, self.lm.characters),
            lengths,
            self.lm,
            width or how.width,
            how.weight,
            how.bonus,
            top,
            lexicon=self.lexicon if lexicon else None,
        )
        return [
            # Where the network sees nothing, there is nothing to foresee.
            [replace(one, confidences=_said(line, one)) for one in candidates]
            if seen.ids
            else [seen]
            for line, candidates, seen in zip(values, readings, plain, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "fusion": asdict(self.fusion),
            "gate": asdict(self.settings),
            "gated": list(self.gated),
            "confidence": {decoder: asdict(both) for decoder, both in self.confidence.items()},
        }


def _said(line: NDArray[np.floating], reading: Candidate) -> tuple[float, ...]:
    """What the network gave each character, not what a fixed frame says."""
    return tuple(
        float(np.exp(line[t, i])) for t, i in zip(reading.frames, reading.ids, strict=True)
    )


def _checked(kind: Any, values: dict[str, Any]) -> Any:
    """Settings out of a file: known names, whole numbers where they are due, nothing but numbers."""
    types: dict[str, Any] = {one.name: type(one.default) for one in fields(kind)}
    if set(values) != set(types) or not all(isinstance(v, int | float) for v in values.values()):
        raise ValueError(f"{kind.__name__} needs the numbers {', '.join(types)}")
    return kind(**{name: types[name](value) for name, value in values.items()})
