"""Keyword arguments of explainers, for type checkers and for readers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from ._m2ib import Calibration

Preset: TypeAlias = Literal["fine", "fast", "matched", "released", "medclip-sam"]
Beta: TypeAlias = float | str | tuple[float, float]
Gates: TypeAlias = int | Literal["unit", "token"]
Quantity: TypeAlias = Literal["nats", "share", "mean-share"]
Sampling: TypeAlias = Literal["independent", "antithetic"]
Layer: TypeAlias = int | str


class _BothSides(TypedDict, total=False):
    beta: Beta | None
    """Price of a nat: a number, or a path over the steps, (first, last) or "0.1..10"."""
    gamma: float | None
    """Weight of the second side, where what is withheld should fit no more; 0 is the paper's."""
    gates: Gates | None
    """"unit" (the paper's), "token", or a number of groups of features."""
    start: float | None
    """Where every gate stands before the first step, as its α."""
    sigma: float | None
    """Isotropic noise with this deviation, in place of the preset's."""
    noise: Literal["matched"] | None
    """Each feature's own mean and deviation, in place of the preset's; ``sigma`` sets isotropic noise."""
    sampling: Sampling | None
    learning_rate: float | None
    steps: int | None
    """Evaluations of the objective."""
    samples: int | None
    """Noise samples per step."""
    quantity: Quantity | None
    """What the map shows."""
    shifts: int | None
    """Grids along each side of a patch that the image's map is averaged over."""


class SideSettings(_BothSides, total=False):
    """Settings of one side, for ``image={…}`` and ``text={…}``; what is left out is the preset's."""

    layer: Layer | None
    """Layer to mask: "embedding", or a block counted from 0."""


class Settings(_BothSides, total=False):
    """Settings of an explainer; what is left out or None is the preset's."""

    preset: Preset | None
    """"fine" shows the object (the default), "fast" finds it in a quarter of the time, "matched" is the
    paper's one side with noise matched to the model, "released" is the paper's, "medclip-sam" is what MedCLIP-SAMv2 makes of it."""
    seed: int | None
    """Of the noise; 0 unless given."""
    threads: int | None
    """Host threads to compute with; all cores unless given."""
    bank: Sequence[str] | str | os.PathLike[str] | None
    """Captions of other things that similarities are ranked among, or a file with one a line; 213 of ours
    unless given. A few hundred in the words of the pictures at hand tell the most."""
    calibration: Calibration | str | os.PathLike[str] | None
    """Feature statistics for matched noise, or their file. "auto", unless given: those that come with the
    model. None: the picture's own patches and the vocabulary."""
    config: str | os.PathLike[str] | None
    """Settings in a TOML file, as ``m2ib sweep`` writes them; other arguments come before them."""
    image: SideSettings | None
    """What is different for the image."""
    text: SideSettings | None
    """What is different for the text."""
    image_layer: Layer | None
    """Layer to mask in the image tower: "embedding", or a block counted from 0."""
    text_layer: Layer | None
    """Layer to mask in the text tower."""
    window: str | None
    """Levels that become black and white, for pictures of few bits as X-rays: "auto", or as in "0-4095"."""
    background: str | None
    """Colour that transparent pictures are laid on: "white", "grey", "black", or as in "#ffcc00"."""
