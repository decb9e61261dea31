"""What can go wrong: one class for each kind of cause, all of them ``m2ib.Error``."""

from __future__ import annotations


class Error(Exception):
    """Whatever m2ib has to complain about."""


class ImageError(Error, ValueError):
    """A picture that cannot be taken: of no known type, shape or format, or broken."""


class TextError(Error, ValueError):
    """A caption without a word, or with text that the model does not know."""


class ModelError(Error, ValueError):
    """A model's files: missing, broken, or of a kind that is not supported."""


class HubError(ModelError, OSError):
    """A model that the hub or its cache did not give."""


class SettingsError(Error, ValueError):
    """A setting that there is not, or a value that it does not take."""


class DeviceError(Error, RuntimeError):
    """A device or threads that are not there, or that failed."""


class FileError(Error, OSError):
    """A file that cannot be read or written."""


class NotFiniteError(Error, ArithmeticError):
    """A NaN or an infinity in what the model computes."""


class EncodedError(Error, ValueError):
    """An encoded image or caption of another model, layer or device."""


class MetricError(Error, ValueError):
    """Arrays that a metric makes no sense of."""
