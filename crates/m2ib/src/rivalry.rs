//! A caption and its rivals, before one image.
//!
//! The image's embedding z is to be similar to the caption's, e, and not to the rivals', e_j:
//!
//! ```text
//! fit(z) = cos(z, e) − κ Σ_j w_j cos(z, e_j)
//! ```
//!
//! w is a softmax of the rivals' similarities to the image, so that the nearest counts most. A caption's
//! embedding t is to fit the image e' and to say what the caption says and named rivals do not,
//!
//! ```text
//! fit(t) = cos(t, e') + κ cos(t, d),   d = e/|e| − Σ_j w_j e_j/|e_j|
//! ```
//!
//! (With cos(t, e') − κ Σ_j w_j cos(t, e_j), saying nothing would be best: captions are far more similar
//! to each other than to any image. So they are held against each other in d.) Of a baseline, which no
//! words of the caption are meant to be told from, each rival is taken off as far as it fits the image,
//!
//! ```text
//! fit(t) = cos(t, e') − κ Σ_j w_j cos(e', e_j) cos(t, e_j)
//! ```
//!
//! which is the cosine, but for a factor, with the part of e' that is at right angles to a single rival.

use std::sync::Arc;

use burn::tensor::Tensor;
use clip_input::{Caption, Role};
use clip_model::DualEncoder;
use m2ib_core::{Against as Term, Contrast as Fit, cosine_similarity};

use crate::encoded::host;
use crate::warnings::bank;
use crate::{
    Against, Attribution, Backend, Baseline, Contrast, Error, Fits, Modality, Result, Reverse,
    Rival, Rivals, Warning,
};

/// How sharply the softmax tells rivals apart. At 100, by which CLIP tells captions apart in its own
/// training, one that is .03 behind would hardly count, though its object may be as large.
const SHARPNESS: f64 = 10.0;

/// As in the cosine: nothing is divided by less.
const SMALLEST: f64 = 1e-8;

/// Captions of the bank that are more similar than this to the caption say the same in other words.
const SAME: f32 = 0.95;

/// A caption before an image, held against others.
#[derive(Debug, Clone)]
pub struct Rivalry {
    baseline: Baseline,
    kappa: f64,
    /// The heaviest first.
    rivals: Vec<Known>,
    image: Tensor<2>,
    text: Tensor<2>,
    caption: String,
    similarity: f32,
}

/// A rival that went through the tower.
#[derive(Debug, Clone)]
struct Known {
    caption: Caption,
    embedding: Tensor<2>,
    similarity: f32,
    weight: f64,
}

impl Rivalry {
    /// Embeds the rivals of a caption with its embedding, by an image's embedding, and weighs them.
    ///
    /// # Shapes
    /// - image, and the text's: `[1, embedding]`
    ///
    /// # Errors
    /// [`Error::Against`] for rivals that are none, [`Error::Model`] for those without words,
    /// [`Error::NotFinite`], [`Error::Device`].
    pub fn of(
        model: &DualEncoder,
        image: &Tensor<2>,
        (caption, text): (&Caption, &Tensor<2>),
        against: &Against,
    ) -> Result<Self> {
        against.check()?;
        let tokenizer = model.tokenizer();
        let (baseline, captions) = match &against.rivals {
            Rivals::Captions(captions) => {
                let captions = captions.iter().map(|text| tokenizer.encode(text));
                let captions = captions.collect::<Result<Vec<_>, _>>()?;
                check(caption, &captions)?;
                (Baseline::Captions, captions)
            }
            Rivals::Empty => (Baseline::Empty, vec![tokenizer.empty()?]),
            Rivals::Bank(nearest) => {
                let captions = nearest_of_bank(model, image, (caption, text), *nearest)?;
                (Baseline::Bank, captions)
            }
        };
        let lanes = Backend::lanes(&model.device(), 1)?;
        let embed = |caption: &Caption| model.embed_caption(caption);
        let embeddings =
            lanes.together(|| captions.iter().map(embed).collect::<Result<Vec<_>, _>>())?;
        let mut rivals = Vec::new();
        for (caption, embedding) in captions.into_iter().zip(embeddings) {
            rivals.push(Known {
                similarity: cosine(image, &embedding)?,
                caption,
                embedding,
                weight: 0.0,
            });
        }
        rivals.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        let rivalry = Self {
            baseline,
            kappa: against.kappa,
            rivals,
            similarity: cosine(image, text)?,
            image: image.clone(),
            text: text.clone(),
            caption: caption.text.clone(),
        };
        Ok(rivalry.sharpened(SHARPNESS))
    }

    /// The same with its rivals weighed by a softmax of `sharpness` times their similarities; 10 unless
    /// this is asked for.
    pub fn sharpened(mut self, sharpness: f64) -> Self {
        let best = self.rivals[0].similarity;
        for rival in &mut self.rivals {
            rival.weight = (sharpness * f64::from(rival.similarity - best)).exp();
        }
        let sum: f64 = self.rivals.iter().map(|rival| rival.weight).sum();
        for rival in &mut self.rivals {
            rival.weight /= sum;
        }
        self
    }

    /// The same as if its rivals had been found in the bank and not been named: a
    /// [baseline](Baseline::Bank), of which words are not told from.
    pub fn found_in_bank(self) -> Self {
        Self {
            baseline: Baseline::Bank,
            ..self
        }
    }

    /// What is wanted: the caption rather than its rivals.
    ///
    /// # Errors
    /// [`Error::Bottleneck`].
    pub fn fits(&self) -> Result<Fits> {
        let than: Vec<_> = self
            .rivals
            .iter()
            .map(|rival| (rival, rival.weight))
            .collect();
        let that = match self.rivals.as_slice() {
            [rival] => quoted(&rival.caption.text),
            rivals => {
                let each = rivals.iter().map(|rival| {
                    format!("{} × {}", round(rival.weight), quoted(&rival.caption.text))
                });
                each.collect::<Vec<_>>().join(" + ")
            }
        };
        self.made(&self.text, &than, &that)
    }

    /// The other way round: the heaviest rival rather than the caption.
    ///
    /// # Errors
    /// [`Error::Bottleneck`].
    pub fn reverse(&self) -> Result<Fits> {
        let rival = &self.rivals[0];
        let own = Known {
            caption: Caption {
                text: self.caption.clone(),
                ..rival.caption.clone()
            },
            embedding: self.text.clone(),
            similarity: self.similarity,
            weight: 1.0,
        };
        self.made(&rival.embedding, &[(&own, 1.0)], &quoted(&self.caption))
    }

    /// The heaviest rival.
    pub fn caption(&self) -> &Caption {
        &self.rivals[0].caption
    }

    /// Whether the heaviest rival has words; the empty caption has none.
    pub fn has_words(&self) -> bool {
        let mut tokens = self.caption().tokens.iter();
        tokens.any(|token| token.role == Role::Piece)
    }

    /// Writes down what the caption was held against, and the other way round.
    pub fn record(&self, attribution: &mut Attribution, reverse: Reverse) {
        let rivals = self.rivals.iter().map(|rival| Rival {
            caption: rival.caption.text.clone(),
            similarity: rival.similarity,
            weight: rival.weight as f32,
        });
        let of_rivals = self.rivals.iter();
        let of_rivals = of_rivals.map(|rival| rival.weight * f64::from(rival.similarity));
        let of_rivals = self.kappa * of_rivals.sum::<f64>();
        let nearest = &self.rivals[0];
        if self.baseline == Baseline::Captions && nearest.similarity > self.similarity {
            let warning = Warning::RivalFitsBetter {
                rival: nearest.caption.text.clone(),
                of_rival: nearest.similarity,
                similarity: self.similarity,
            };
            tracing::warn!("{warning}");
            attribution.warnings.insert(0, warning);
        }
        attribution.asked.contrast = Some(Contrast {
            against: self.baseline,
            rivals: rivals.collect(),
            kappa: self.kappa,
            difference: (f64::from(self.similarity) - of_rivals) as f32,
            reverse,
        });
    }

    /// `this` rather than others, of which the second number is the share of κ.
    fn made(&self, this: &Tensor<2>, than: &[(&Known, f64)], that: &str) -> Result<Fits> {
        let term = |rival: &Known, weight: f64| Term {
            target: rival.embedding.clone(),
            weight,
        };
        let of_image: Vec<_> = than
            .iter()
            .map(|&(rival, share)| term(rival, self.kappa * share))
            .collect();
        let of_text = match self.baseline {
            Baseline::Captions => vec![Term {
                target: unsaid(this, than),
                weight: -self.kappa,
            }],
            Baseline::Empty | Baseline::Bank => {
                let terms = than.iter().map(|&(rival, share)| {
                    term(rival, self.kappa * share * f64::from(rival.similarity))
                });
                terms.collect()
            }
        };
        let kappa = match self.kappa {
            1.0 => String::new(),
            kappa => format!("{kappa} × "),
        };
        let image = Fit::new(
            this.clone(),
            &of_image,
            format!("cosine similarity minus {kappa}that with {that}"),
        );
        let text = Fit::new(
            self.image.clone(),
            &of_text,
            match self.baseline {
                Baseline::Captions => {
                    format!("cosine similarity plus {kappa}what the caption says and not {that}")
                }
                Baseline::Empty | Baseline::Bank => {
                    format!("cosine similarity minus {kappa}what the image shares with {that}")
                }
            },
        );
        let failed = |modality| move |source| Error::of_bottleneck(modality, source);
        Ok(Fits {
            image: Arc::new(image.map_err(failed(Modality::Image))?),
            text: Arc::new(text.map_err(failed(Modality::Text))?),
        })
    }
}

/// What a caption says and others do not, `[1, embedding]`: d.
fn unsaid(this: &Tensor<2>, than: &[(&Known, f64)]) -> Tensor<2> {
    let unit = |x: &Tensor<2>| {
        let length = x.clone().square().sum_dim(1).sqrt();
        x.clone() / length.clamp_min(SMALLEST)
    };
    than.iter().fold(unit(this), |difference, (rival, share)| {
        difference - unit(&rival.embedding) * *share
    })
}

fn quoted(caption: &str) -> String {
    match caption.is_empty() {
        true => "an empty caption".into(),
        false => format!("\"{caption}\""),
    }
}

fn round(weight: f64) -> f64 {
    (weight * 1000.0).round() / 1000.0
}

fn cosine(a: &Tensor<2>, b: &Tensor<2>) -> Result<f32> {
    Ok(host(cosine_similarity(a.clone(), b.clone()), "the similarity")?[0])
}

/// That every rival is another caption than this and than the other rivals, to the model.
fn check(caption: &Caption, rivals: &[Caption]) -> Result<()> {
    for (place, rival) in rivals.iter().enumerate() {
        let refuse = |reason: &str| {
            Err(Error::Against {
                name: "a rival",
                found: format!("\"{}\"", rival.text),
                reason: reason.into(),
            })
        };
        if rival.ids() == caption.ids() {
            return refuse(
                "the same tokens as the caption that it is held against, expected a caption that differs from it",
            );
        }
        if rivals[..place]
            .iter()
            .any(|other| other.ids() == rival.ids())
        {
            return refuse("given twice, expected each rival once");
        }
    }
    Ok(())
}

/// The bank's captions nearest to the image, but for those that say what the caption says.
fn nearest_of_bank(
    model: &DualEncoder,
    image: &Tensor<2>,
    (caption, text): (&Caption, &Tensor<2>),
    nearest: usize,
) -> Result<Vec<Caption>> {
    let embedding = host(image.clone(), "the embedding")?;
    let mut found = Vec::new();
    for (other, _) in bank(model)?.similarities(&embedding) {
        if found.len() == nearest {
            break;
        }
        let other = model.tokenizer().encode(other)?;
        if other.ids() == caption.ids() {
            continue;
        }
        let embedding = model.embed_caption(&other)?;
        if cosine(text, &embedding)? < SAME {
            found.push(other);
        }
    }
    match found.is_empty() {
        false => Ok(found),
        true => Err(Error::Against {
            name: "the bank",
            found: "no caption of another thing".into(),
            reason: "give a bank with captions of other things, or name a rival".into(),
        }),
    }
}

#[cfg(test)]
#[cfg(all(feature = "cpu", feature = "emoji"))]
mod tests;
