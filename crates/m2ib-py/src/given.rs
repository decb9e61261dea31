//! Arguments as Python's users give them: captions and pictures, one or several, and counts.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PySet, PyString};

use crate::failure::{Failure, Kind};
use crate::python::call;
use crate::settings::wrong;

/// A caption.
pub(crate) fn caption(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(caption_of("text", text)?)
}

/// The captions of a list, or of whatever else has them in an order, each with what is wrong with it.
///
/// # Errors
/// For what is no list of any kind, or what Python raises on the way through it.
pub(crate) fn captions(
    name: &str,
    texts: &Bound<'_, PyAny>,
) -> PyResult<Vec<Result<String, Failure>>> {
    let is_another = texts.is_instance_of::<PyString>()
        || texts.is_instance_of::<PyBytes>()
        || texts.is_instance_of::<PyDict>()
        || texts.is_instance_of::<PySet>()
        || texts.is_instance_of::<PyFrozenSet>();
    let refused = || {
        let failure = wrong(name, texts, "a list of captions, each a str");
        PyErr::from(of_text(failure))
    };
    if is_another {
        return Err(refused());
    }
    let given = texts.try_iter().map_err(|_| refused())?;
    let one = |(place, text): (usize, PyResult<Bound<'_, PyAny>>)| {
        Ok(caption_of(&format!("{name}[{place}]"), &text?))
    };
    given.enumerate().map(one).collect()
}

/// The same where one that is wrong is an error.
pub(crate) fn all_captions(name: &str, texts: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let given = captions(name, texts)?.into_iter();
    Ok(given.collect::<Result<_, _>>()?)
}

/// The pictures of a list, an iterator, a column or a batch; nothing where one is given.
pub(crate) fn pictures<'py>(
    images: &Bound<'py, PyAny>,
) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    call(images.py(), "_pictures", "several", (images,))?.extract()
}

/// A number of things.
pub(crate) fn count(name: &str, found: i64) -> Result<usize, Failure> {
    usize::try_from(found).map_err(|_| {
        let reason = format!("{name} is {found}, expected a whole number from 0");
        Failure::new(Kind::Settings, reason)
    })
}

/// A caption, which errors call by this name.
pub(crate) fn caption_of(name: &str, text: &Bound<'_, PyAny>) -> Result<String, Failure> {
    let refused = |expected| of_text(wrong(name, text, expected));
    let given = text.cast::<PyString>();
    let given = given.map_err(|_| refused("a caption as a str"))?;
    match given.to_str() {
        Ok(text) => Ok(text.to_owned()),
        // Half a pair of surrogates, as of a file's name that is not UTF-8.
        Err(_) => Err(refused("text that UTF-8 can hold")),
    }
}

fn of_text(failure: Failure) -> Failure {
    Failure {
        kind: Kind::Text,
        ..failure
    }
}
