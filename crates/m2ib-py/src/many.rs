//! Many pairs: encoded once each, explained on all cores, a chunk at a time so that memory stays flat.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use m2ib::Backend;
use m2ib_methods::Subject;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::attribution::Attribution;
use crate::failure::{Failure, Kind};
use crate::given;
use crate::picture::Picture;
use crate::run::run_with;
use crate::shared::Shared;

/// Pairs of a chunk for each that is explained at once.
const ROUNDS: usize = 16;

/// What is asked for beside the pairs.
pub(crate) struct Wanted<'py> {
    pub(crate) method: Option<String>,
    pub(crate) return_exceptions: bool,
    pub(crate) keep_images: bool,
    pub(crate) progress: Option<Bound<'py, PyAny>>,
}

/// Images and captions, as many of the one as of the other.
pub(crate) struct Pairs<'py> {
    images: Vec<Bound<'py, PyAny>>,
    /// What is none has its reason.
    texts: Vec<Result<String, Failure>>,
    /// The one image or caption that goes with all.
    count: usize,
}

impl<'py> Pairs<'py> {
    /// With `each`, a caption that is none costs its own pairs only.
    pub(crate) fn of(
        images: &Bound<'py, PyAny>,
        texts: &Bound<'py, PyAny>,
        each: bool,
    ) -> PyResult<Self> {
        let several = given::pictures(images)?;
        let single_image = several.is_none();
        let images = several.unwrap_or_else(|| vec![images.clone()]);
        let single_text = texts.is_instance_of::<PyString>();
        let texts = match single_text {
            true => vec![Ok(given::caption(texts)?)],
            false => given::captions("texts", texts)?,
        };
        let wrong = texts.iter().find_map(|text| text.as_ref().err());
        if let (Some(wrong), false) = (wrong, each) {
            return Err(wrong.clone().into());
        }
        let count = match (single_image, single_text) {
            (true, _) => texts.len(),
            (_, true) => images.len(),
            _ if images.len() == texts.len() => texts.len(),
            _ => {
                let reason = format!(
                    "{} images and {} texts, expected as many of the one as of the other, or one image or one text for all",
                    images.len(),
                    texts.len()
                );
                return Err(Failure::new(Kind::Settings, reason).into());
            }
        };
        Ok(Self {
            images,
            texts,
            count,
        })
    }

    fn image(&self, pair: usize) -> &Bound<'py, PyAny> {
        &self.images[pair.min(self.images.len() - 1)]
    }

    fn text(&self, pair: usize) -> &Result<String, Failure> {
        &self.texts[pair.min(self.texts.len() - 1)]
    }

    /// What tells an image from the others.
    fn key(&self, pair: usize) -> Key {
        let image = self.image(pair);
        match image.cast::<PyString>().map(|path| path.to_str()) {
            Ok(Ok(path)) => Key::Path(path.into()),
            _ => Key::Object(image.as_ptr() as usize),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Path(String),
    /// Its address: the list holds it.
    Object(usize),
}

/// An image on its way.
enum Ready {
    Encoded(Box<m2ib::EncodedImage>, Option<Arc<m2ib::Picture>>),
    /// For methods that want more than its encoding.
    Open(Arc<m2ib::Picture>),
}

type Images = HashMap<Key, Result<Arc<Ready>, Failure>>;
type Explained = Vec<Result<m2ib::Attribution, Failure>>;

pub(crate) fn attribute<'py>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    pairs: Pairs<'py>,
    wanted: &Wanted<'py>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let keys: Vec<Key> = (0..pairs.count).map(|pair| pairs.key(pair)).collect();
    let mut last = HashMap::new();
    for (pair, key) in keys.iter().enumerate() {
        last.insert(key.clone(), pair);
    }
    let done = Arc::new(AtomicUsize::new(0));
    let mut told = None;
    let mut tell = |_: Python<'_>| {
        let count = done.load(Ordering::Relaxed);
        match &wanted.progress {
            Some(progress) if told != Some(count) => {
                told = Some(count);
                progress.call1((count, pairs.count)).map(drop)
            }
            _ => Ok(()),
        }
    };
    let at_once = shared
        .recipe
        .threads
        .map_or_else(m2ib::m2ib_core::threads, usize::from);
    let mut images = Images::new();
    let mut results = Vec::with_capacity(pairs.count);
    let all: Vec<usize> = (0..pairs.count).collect();
    for chunk in all.chunks(at_once * ROUNDS) {
        let mut pictures: Vec<(Key, Picture)> = Vec::new();
        let mut failed = Vec::new();
        let mut sources: HashMap<Key, PathBuf> = HashMap::new();
        for &pair in chunk {
            let key = &keys[pair];
            let is_new = !images.contains_key(key)
                && !pictures.iter().any(|(known, _)| known == key)
                && !failed.iter().any(|(known, _)| known == key);
            if !is_new {
                continue;
            }
            match Picture::of(pairs.image(pair)) {
                Ok(picture) => {
                    let source = picture.path().map(Path::to_path_buf);
                    sources.extend(source.map(|source| (key.clone(), source)));
                    pictures.push((key.clone(), picture));
                }
                // Whatever Python raised there is Python's to raise again.
                Err(error) => failed.push((key.clone(), error)),
            }
        }
        let refused: HashMap<Key, PyErr> = failed.into_iter().collect();
        let asked: Vec<(usize, &String)> = chunk
            .iter()
            .filter(|&&pair| !refused.contains_key(&keys[pair]))
            .filter_map(|&pair| Some((pair, pairs.text(pair).as_ref().ok()?)))
            .collect();
        let job = {
            let texts: Vec<String> = asked.iter().map(|(_, text)| (*text).clone()).collect();
            let of_pairs: Vec<Key> = asked.iter().map(|&(pair, _)| keys[pair].clone()).collect();
            let (shared, done) = (shared.clone(), done.clone());
            let (method, keep) = (wanted.method.clone(), wanted.keep_images);
            let images = std::mem::take(&mut images);
            move || {
                chunk_of(
                    &shared, images, pictures, &of_pairs, &texts, method, keep, &done,
                )
            }
        };
        let (known, explained) = run_with(py, shared.recipe.threads, job, &mut tell)?;
        images = known;
        let mut explained = explained.into_iter();
        for &pair in chunk {
            let result = match (refused.get(&keys[pair]), pairs.text(pair)) {
                (Some(error), _) => Err(error.clone_ref(py)),
                (None, Err(failure)) => Err(failure.clone().into()),
                (None, Ok(_)) => explained.next().map_or_else(
                    || Err(crate::failure::fault("a pair is lost").into()),
                    |result| {
                        result.map_err(|failure| failure.about(format_args!("pair {pair}")).into())
                    },
                ),
            };
            match result {
                Ok(mut attribution) => {
                    attribution.provenance.adjustment = shared.recipe.adjustment;
                    let image = match images.get(&keys[pair]) {
                        Some(Ok(ready)) if wanted.keep_images => ready.picture(),
                        _ => None,
                    };
                    let source = sources.get(&keys[pair]).cloned();
                    let attribution = Attribution::new(attribution, image, source);
                    results.push(Bound::new(py, attribution)?.into_any());
                }
                Err(error) if wanted.return_exceptions => {
                    results.push(error.into_value(py).into_bound(py).into_any());
                }
                Err(error) => return Err(error),
            }
        }
        let end = chunk.last().copied().unwrap_or_default();
        images.retain(|key, _| last.get(key).is_some_and(|&last| last > end));
    }
    done.store(pairs.count, Ordering::Relaxed);
    tell(py)?;
    Ok(results)
}

impl Ready {
    fn picture(&self) -> Option<Arc<m2ib::Picture>> {
        match self {
            Self::Encoded(_, picture) => picture.clone(),
            Self::Open(picture) => Some(picture.clone()),
        }
    }
}

/// Encodes what is new and explains the pairs of a chunk.
#[expect(clippy::too_many_arguments, reason = "they go to another thread")]
fn chunk_of(
    shared: &Shared,
    mut images: Images,
    pictures: Vec<(Key, Picture)>,
    keys: &[Key],
    texts: &[String],
    method: Option<String>,
    keep: bool,
    done: &AtomicUsize,
) -> Result<(Images, Explained), Failure> {
    let explainer = &shared.inner;
    let lanes = Backend::lanes(&explainer.model().device(), usize::MAX)?;
    let method = method.map(|name| shared.method(&name)).transpose()?;
    let opened = lanes.map(pictures, |(key, picture)| {
        m2ib::Scope::check()?;
        let ready = || -> Result<Ready, Failure> {
            let image = shared.recipe.open(picture)?;
            if method.is_some() {
                return Ok(Ready::Open(image.into()));
            }
            let encoded = explainer.encode_image(&image)?;
            Ok(Ready::Encoded(encoded.into(), keep.then(|| image.into())))
        };
        Ok((key, ready().map(Arc::new)))
    });
    for opened in opened {
        let (key, ready) =
            opened.map_err(|stopped: m2ib::m2ib_core::Error| Failure::from(stopped))?;
        images.insert(key, ready);
    }
    let image = |pair: usize| match images.get(&keys[pair]) {
        Some(Ok(ready)) => Ok(ready.clone()),
        Some(Err(failure)) => Err(failure.clone()),
        None => Err(crate::failure::fault("an image is lost")),
    };
    let pairs: Vec<usize> = (0..keys.len()).collect();
    let explained = match &method {
        Some(method) => lanes.map(pairs, |pair| {
            m2ib::Scope::check()?;
            let ready = image(pair)?;
            let Ready::Open(image) = &*ready else {
                return Err(crate::failure::fault("an image is encoded"));
            };
            let subject = Subject::new(&shared.model, image, &texts[pair])?;
            let attribution = method.attribute(&subject)?;
            done.fetch_add(1, Ordering::Relaxed);
            Ok(attribution)
        }),
        None => {
            let distinct: HashMap<&str, usize> = texts
                .iter()
                .enumerate()
                .map(|(index, text)| (&text[..], index))
                .collect();
            let encoded = lanes.map(
                distinct.into_iter().collect(),
                |(text, _): (&str, usize)| {
                    let encoded = explainer.encode_text(text).map_err(Failure::from);
                    (text, encoded)
                },
            );
            let encoded: HashMap<&str, Result<m2ib::EncodedText, Failure>> =
                encoded.into_iter().collect();
            let ready: Vec<_> = pairs
                .iter()
                .map(|&pair| {
                    let image = image(pair)?;
                    let text = match &encoded[&texts[pair][..]] {
                        Ok(text) => text,
                        Err(failure) => return Err(failure.clone()),
                    };
                    Ok((image, text))
                })
                .collect();
            let fit = ready.iter().filter_map(|pair| match pair {
                Ok((image, text)) => match &**image {
                    Ready::Encoded(image, _) => Some((&**image, *text)),
                    Ready::Open(_) => None,
                },
                Err(_) => None,
            });
            let fit: Vec<_> = fit.collect();
            let count = |_: usize, _: &m2ib::Result<m2ib::Attribution>| {
                done.fetch_add(1, Ordering::Relaxed);
            };
            let mut explained = explainer.attribute_many_with(&fit, &count).into_iter();
            let result = |pair: Result<_, Failure>| {
                pair?;
                let result = explained.next();
                Ok(result.ok_or_else(|| crate::failure::fault("a pair is lost"))??)
            };
            ready.into_iter().map(result).collect()
        }
    };
    Ok((images, explained))
}
