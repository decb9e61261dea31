"""What did a CLIP model look at, and which words mattered?

>>> import m2ib
>>> explainer = m2ib.Explainer.emoji()  # or .from_pretrained("openai/clip-vit-base-patch32")
>>> scene = m2ib.scenes()[6]
>>> attribution = explainer.attribute(scene.png, "a photo of a hedgehog")
>>> max(attribution.words, key=lambda word: word.saliency).text
'hedgehog'
>>> attribution.image.saliency.shape
(16, 16)
"""

from . import metrics
from ._asked import Contrast, ImageSpread, Interactions, Rival, Spread, TextSpread
from ._errors import (
    DeviceError,
    EncodedError,
    Error,
    FileError,
    HubError,
    ImageError,
    MetricError,
    ModelError,
    NotFiniteError,
    SettingsError,
    TextError,
)
from ._m2ib import (
    Attribution,
    Calibration,
    EncodedImage,
    EncodedText,
    Explainer,
    ImageAttribution,
    Segments,
    TextAttribution,
    devices,
    methods,
    read_image,
    scenes,
)
from ._m2ib import __VERSION__ as __version__
from ._pictures import ImageLike
from ._results import Device, Method, MethodSetting, Notice, Region, Scene, SceneObject, Step, Token, Word
from ._settings import Settings, SideSettings

__all__ = [
    "Attribution",
    "Calibration",
    "Contrast",
    "Device",
    "DeviceError",
    "EncodedError",
    "EncodedImage",
    "EncodedText",
    "Error",
    "Explainer",
    "FileError",
    "HubError",
    "ImageAttribution",
    "ImageError",
    "ImageLike",
    "ImageSpread",
    "Interactions",
    "Method",
    "MethodSetting",
    "MetricError",
    "ModelError",
    "NotFiniteError",
    "Notice",
    "Region",
    "Rival",
    "Scene",
    "SceneObject",
    "Segments",
    "Settings",
    "SettingsError",
    "SideSettings",
    "Spread",
    "Step",
    "TextAttribution",
    "TextError",
    "TextSpread",
    "Token",
    "Word",
    "__version__",
    "devices",
    "methods",
    "metrics",
    "read_image",
    "scenes",
]
