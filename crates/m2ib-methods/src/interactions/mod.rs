//! Which word goes with which patch?

mod game;
mod masks;
mod paths;

use std::collections::BTreeMap;

use m2ib::{Alone, Interactions, Unit, WordMap, WordTokens};
use ndarray::Array2;

pub use masks::Masks;
pub use paths::Paths;

use crate::{Error, Result, Setting, Settings, Subject};

/// A way to tell what words and patches are worth together.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Interacting {
    /// Masked images and masked captions, and a regression over all pairs of them.
    Masks(Masks),
    /// Gradients of second order on the way from nothing to the pair.
    Paths(Paths),
    /// The bottleneck's own maps, word by word; see
    /// [`Explainer::word_maps`](m2ib::Explainer::word_maps).
    Bottleneck,
}

impl Interacting {
    /// Names of all of them.
    pub const NAMES: [&str; 3] = ["bottleneck", "masks", "paths"];

    /// A way by its name, with settings behind it as methods have them: `masks:images=2000:keep=0.5`.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Setting`].
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default().trim();
        if !Self::NAMES.contains(&name) {
            return Err(Error::Interacting {
                found: name.into(),
                expected: Self::NAMES.join(", "),
            });
        }
        let mut settings = Settings::read(name, parts)?;
        let made = match name {
            "masks" => Self::Masks(Masks::default().configured(&mut settings)),
            "paths" => Self::Paths(Paths::default().configured(&mut settings)),
            _ => Self::Bottleneck,
        };
        settings.finish(name)?;
        Ok(made)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Masks(_) => "masks",
            Self::Paths(_) => "paths",
            Self::Bottleneck => "bottleneck",
        }
    }

    /// Its settings with their values.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = Settings::default();
        match self {
            Self::Masks(masks) => drop(masks.configured(&mut settings)),
            Self::Paths(paths) => drop(paths.configured(&mut settings)),
            Self::Bottleneck => {}
        }
        settings.asked()
    }
}

/// Interactions of a subject's patches and words, by what needs no explainer.
///
/// # Errors
/// [`Error::Undetermined`] for too few masks; [`Error::Interacting`] for the bottleneck's, which
/// [`Explainer::word_maps`](m2ib::Explainer::word_maps) has.
pub fn interactions(subject: &Subject<'_>, by: &Interacting) -> Result<Interactions> {
    let lanes = m2ib::Backend::lanes(&subject.model().device(), 1)?;
    let words = WordTokens::of(subject.caption());
    let found = lanes.together(|| match by {
        Interacting::Masks(masks) => masks.matrix(subject, &words),
        Interacting::Paths(paths) => paths.matrix(subject, &words),
        Interacting::Bottleneck => Err(Error::Interacting {
            found: by.name().into(),
            expected: "masks or paths by a subject; an explainer has the bottleneck's".into(),
        }),
    })?;
    let grid = subject.grid();
    let on_grid =
        |values: Vec<f32>| Array2::from_shape_vec(grid, values).expect("one value a patch");
    let maps = words.into_iter().zip(found.columns);
    let words = maps.map(|(WordTokens { text, span, .. }, column)| WordMap {
        text,
        span,
        map: on_grid(column),
    });
    let settings = by.settings().into_iter();
    Ok(Interactions {
        method: by.name().into(),
        settings: settings
            .map(|it| (it.name.into(), it.value))
            .collect::<BTreeMap<_, _>>(),
        unit: Unit::Cosine,
        words: words.collect(),
        alone: found.alone.map(|(patches, words)| Alone {
            patches: on_grid(patches),
            words,
        }),
    })
}

/// What a way finds.
struct Found {
    /// One a word, `[patches]` each.
    columns: Vec<Vec<f32>>,
    /// Patches' own values, and words'.
    alone: Option<(Vec<f32>, Vec<f32>)>,
}
