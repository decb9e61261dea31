"""What more was asked of a pair than where; made by the compiled part."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from ._results import Word


class Rival(NamedTuple):
    """A caption that another was held against."""

    caption: str
    """Nothing for the empty one."""
    similarity: float
    """Its cosine similarity to the image."""
    weight: float
    """Its share of ``kappa``."""


class Contrast(NamedTuple):
    """Why this caption rather than that one: what it was held against, and the other way round."""

    rivals: Sequence[Rival]
    """The heaviest first."""
    against: str
    """Where they come from: "captions", "empty" or "bank"."""
    kappa: float
    difference: float
    """The cosine with the caption minus kappa times the weighted cosines with its rivals."""
    map: npt.NDArray[np.float32]
    """Above 0 what speaks for the caption, below 0 what speaks for its rival: float32, [rows, columns]."""
    reverse: npt.NDArray[np.float32]
    """What speaks for the heaviest rival instead of the caption: float32, [rows, columns]."""
    reverse_words: Sequence[Word]
    """The rival's words; none of an empty caption."""


class ImageSpread(NamedTuple):
    """How maps of several seeds differ."""

    deviation: npt.NDArray[np.float32]
    """Standard deviation between seeds, in the map's unit: float32, [rows, columns]."""
    support: npt.NDArray[np.float32]
    """The share of seeds by which a place is above half of the map's range: float32, [rows, columns]."""
    rank_agreement: float
    """Rank correlation of two seeds' maps, the mean over pairs."""
    hottest: float
    """The share of one map's hottest tenth that is of another's, the mean over pairs; .1 by chance."""


class TextSpread(NamedTuple):
    """How words of several seeds differ."""

    deviation: Sequence[float]
    """Standard deviation between seeds of every word's saliency."""
    rank_agreement: float
    strongest: Sequence[float]
    """The share of seeds by which each word is the strongest."""


class Spread(NamedTuple):
    """How sure a map is, whose attribution is the mean of several seeds'."""

    seeds: Sequence[int]
    image: ImageSpread
    text: TextSpread


class Interactions(NamedTuple):
    """Which word goes with which patch."""

    words: Sequence[str]
    maps: npt.NDArray[np.float32]
    """Above 0 where the patch speaks for the word, below where against it: float32, [words, rows, columns]."""
    method: str
    settings: Mapping[str, str]
    unit: str
    """"nats", "share" or "cosine"."""
    alone: tuple[npt.NDArray[np.float32], Sequence[float]] | None
    """What patches, [rows, columns], and words are worth by themselves, where the method says so."""
