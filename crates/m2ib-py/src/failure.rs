//! What goes wrong, as Python's users meet it: a class for each kind of cause.

use m2ib::m2ib_core;
use m2ib::{clip_input, clip_model};
use pyo3::PyErr;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// An error before it is Python's: made on threads that Python does not know.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

/// Which class of `m2ib._errors` it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Text,
    Model,
    Hub,
    Settings,
    Device,
    File,
    NotFinite,
    Encoded,
    Metric,
    /// Its cause is another error, which the caller has.
    Stopped,
    /// Nobody's but this library's.
    Fault,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Image => "ImageError",
            Self::Text => "TextError",
            Self::Model => "ModelError",
            Self::Hub => "HubError",
            Self::Settings => "SettingsError",
            Self::Device => "DeviceError",
            Self::File => "FileError",
            Self::NotFinite => "NotFiniteError",
            Self::Encoded => "EncodedError",
            Self::Metric => "MetricError",
            Self::Stopped | Self::Fault => "Error",
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    fn of(kind: Kind, error: &dyn std::error::Error) -> Self {
        Self::new(kind, m2ib_files::causes(error))
    }

    /// The same with what it is about before it.
    pub(crate) fn about(self, what: impl std::fmt::Display) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            ..self
        }
    }
}

/// What serde says of a text, which may show all of it, as far as anybody reads.
pub(crate) fn unread(error: &serde_json::Error) -> String {
    const LONGEST: usize = 200;
    let reason = error.to_string();
    match reason.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            let (line, column) = (error.line(), error.column());
            format!("{}… at line {line} column {column}", &reason[..end])
        }
        None => reason,
    }
}

/// What should never happen.
pub(crate) fn fault(error: impl std::fmt::Display) -> Failure {
    Failure::new(
        Kind::Fault,
        format!("m2ib has a fault: {error}; please report it"),
    )
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let made = |py: Python<'_>| -> PyResult<Self> {
            let class = py.import("m2ib._errors")?.getattr(failure.kind.class())?;
            let class = class.cast_into::<PyType>()?;
            Ok(Self::from_type(class, failure.message.clone()))
        };
        Python::attach(|py| made(py).unwrap_or_else(|error| error))
    }
}

impl From<m2ib::Error> for Failure {
    fn from(error: m2ib::Error) -> Self {
        Self::of(kind(&error), &error)
    }
}

impl From<clip_input::Error> for Failure {
    fn from(error: clip_input::Error) -> Self {
        Self::of(of_input(&error), &error)
    }
}

impl From<clip_model::Error> for Failure {
    fn from(error: clip_model::Error) -> Self {
        Self::of(of_model(&error), &error)
    }
}

impl From<m2ib_core::Error> for Failure {
    fn from(error: m2ib_core::Error) -> Self {
        Self::of(of_bottleneck(&error), &error)
    }
}

impl From<m2ib_methods::Error> for Failure {
    fn from(error: m2ib_methods::Error) -> Self {
        Self::of(of_method(&error), &error)
    }
}

impl From<m2ib_metrics::Error> for Failure {
    fn from(error: m2ib_metrics::Error) -> Self {
        use m2ib_metrics::Error::{Explainer, Scorer};
        let kind = match &error {
            Scorer(source) | Explainer(source) => source.downcast_ref().map(of_method),
            _ => None,
        };
        Self::of(kind.unwrap_or(Kind::Metric), &error)
    }
}

impl From<m2ib::draw::Error> for Failure {
    fn from(error: m2ib::draw::Error) -> Self {
        let kind = match error {
            m2ib::draw::Error::Option { .. } => Kind::Settings,
            _ => Kind::Image,
        };
        Self::of(kind, &error)
    }
}

fn kind(error: &m2ib::Error) -> Kind {
    use m2ib::Error;
    match error {
        Error::Model(error) => of_model(error),
        Error::Bottleneck { source, .. } => of_bottleneck(source),
        Error::Stopped => Kind::Stopped,
        Error::NotFinite { .. } => Kind::NotFinite,
        Error::Device(_) | Error::Threads(_) | Error::Backend { .. } => Kind::Device,
        Error::Encoded { .. } | Error::Record { .. } => Kind::Encoded,
        Error::Write { .. } => Kind::File,
        Error::Hub { .. } => Kind::Hub,
        _ => Kind::Settings,
    }
}

fn of_model(error: &clip_model::Error) -> Kind {
    use clip_model::Error;
    match error {
        Error::Input(error) => of_input(error),
        Error::Precision { .. } | Error::PrecisionName { .. } => Kind::Settings,
        Error::Device { .. } => Kind::Device,
        Error::TokenIds { .. } => Kind::Text,
        Error::PixelShape { .. } => Kind::Image,
        _ => Kind::Model,
    }
}

fn of_input(error: &clip_input::Error) -> Kind {
    use clip_input::Error;
    match error {
        Error::Read { .. } => Kind::File,
        Error::Argument { .. } => Kind::Settings,
        Error::EmptyCaption { .. } | Error::UnknownText { .. } => Kind::Text,
        Error::NotAnImage { .. }
        | Error::BrokenImage { .. }
        | Error::ImageTooLarge { .. }
        | Error::ImageBeyondLimits { .. }
        | Error::ImageTooLong { .. } => Kind::Image,
        _ => Kind::Model,
    }
}

fn of_bottleneck(error: &m2ib_core::Error) -> Kind {
    use m2ib_core::Error;
    match error {
        Error::Stopped => Kind::Stopped,
        Error::NotFinite { .. } => Kind::NotFinite,
        Error::Threads { .. } | Error::OutOfMemory { .. } | Error::Device { .. } => Kind::Device,
        _ => Kind::Settings,
    }
}

fn of_method(error: &m2ib_methods::Error) -> Kind {
    use m2ib_methods::Error;
    match error {
        Error::Explainer(error) => kind(error),
        Error::NotFinite { .. } => Kind::NotFinite,
        Error::Device { .. } => Kind::Device,
        _ => Kind::Settings,
    }
}
