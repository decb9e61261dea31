//! One pair explained.

use std::path::Path;
use std::sync::Arc;

use m2ib::Ask;
use m2ib_methods::{Interacting, Subject, interactions};
use pyo3::prelude::*;

use crate::asked::Wanted;
use crate::attribution::Attribution;
use crate::picture::Picture;
use crate::run::run;
use crate::shared::Shared;

/// Explains a pair.
pub(crate) fn of_pair(
    py: Python<'_>,
    shared: &Arc<Shared>,
    image: &Bound<'_, PyAny>,
    text: String,
    method: Option<String>,
    keep_image: bool,
    wanted: &Wanted,
) -> PyResult<Attribution> {
    let ask = wanted.ask()?;
    let by = wanted.interactions.clone();
    let picture = Picture::of(image)?;
    let source = picture.path().map(Path::to_path_buf);
    let (threads, shared) = (shared.recipe.threads, shared.clone());
    let (attribution, image) = run(py, threads, move || {
        let explainer = &shared.inner;
        let mut attribution;
        let image;
        match method {
            None => {
                // What is wrong with the caption is known at once.
                let text = explainer.encode_text(&text)?;
                image = shared.recipe.open(picture)?;
                let encoded = explainer.encode_image(&image)?;
                attribution = explainer.ask(&encoded, &text, &ask, &mut m2ib::unwatched)?;
                attribution.asked.interactions = match &by {
                    None => None,
                    Some(Interacting::Bottleneck) => Some(explainer.word_maps(&encoded, &text)?),
                    Some(by) => {
                        let caption = &text.caption().text;
                        let subject = Subject::new(&shared.model, &image, caption)?;
                        Some(interactions(&subject, by)?)
                    }
                };
            }
            Some(name) => {
                let method = shared.method(&name)?;
                image = shared.recipe.open(picture)?;
                let subject = Subject::new(&shared.model, &image, &text)?;
                attribution = match ask == Ask::default() {
                    true => method.attribute(&subject)?,
                    false => {
                        let calibration = shared.calibration.as_deref();
                        m2ib_methods::ask(method.factory(), calibration, &subject, &ask)?
                    }
                };
                let found = by.map(|by| interactions(&subject, &by)).transpose()?;
                attribution.asked.interactions = found;
            }
        }
        attribution.provenance.adjustment = shared.recipe.adjustment;
        Ok((attribution, keep_image.then(|| Arc::new(image))))
    })?;
    Ok(Attribution::new(attribution, image, source))
}
