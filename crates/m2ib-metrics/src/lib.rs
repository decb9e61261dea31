//! Is an explanation faithful to its model, stable, and about what the model learnt?
//!
//! Metrics of one pair's explanation that need no ground truth ([`localisation`] and [`words`] have
//! those that do), and [estimates](Estimate) over many pairs. They work on plain arrays and ask two
//! things of the model: a [`Scorer`] rescores changed inputs, an [`InputExplainer`] explains them.
//!
//! | metric | better | range | source |
//! |---|---|---|---|
//! | Drop in Confidence | ↓ | 0..2 | pytorch-grad-cam, M2IB |
//! | Increase in Confidence | ↑ | 0 or 1 | pytorch-grad-cam, M2IB |
//! | Average Drop % | ↓ | 0.. | Chattopadhay et al. 2018 |
//! | deletion | ↓ | −1..1 | Petsiuk et al. 2018 |
//! | insertion | ↑ | −1..1 | Petsiuk et al. 2018 |
//! | ROAD, images only | ↑ | −1..1 | Rong et al. 2022 |
//! | infidelity | ↓ | 0..4 | Yeh et al. 2019 |
//! | sensitivity-max | ↓ | 0.. | Yeh et al. 2019 |
//! | parameter and partner randomisation | ↓ | −1..1 | Adebayo et al. 2018 |
//!
//! Maps are `[rows, columns]`, larger is more important, of any size: they are enlarged to the
//! image. Scores of a caption are one a token, of which only those of the caption's own pieces are
//! looked at. Each function says what a constant map gives. Nothing gives NaN:
//! where a metric has no value it is `None`, and input that makes no sense is an [`Error`].
//!
//! ```
//! use m2ib_metrics::{CaptionTokens, MaskedText, Result, Scorer, TokenFill, text_deletion};
//! use ndarray::Array3;
//!
//! /// Token 7 is all that matters.
//! struct Seven;
//!
//! impl Scorer for Seven {
//!     fn images(&self, images: &[Array3<f32>]) -> Result<Vec<f64>> {
//!         Ok(vec![0.0; images.len()])
//!     }
//!     fn texts(&self, texts: &[MaskedText]) -> Result<Vec<f64>> {
//!         let score = |text: &MaskedText| f64::from(u8::from(text.ids_with(0).contains(&7)));
//!         Ok(texts.iter().map(score).collect())
//!     }
//! }
//!
//! let caption = CaptionTokens::new(vec![98, 5, 7, 99], vec![1, 2])?;
//! let curve = text_deletion(&Seven, &caption, &[0.0, 0.1, 0.9, 0.0], TokenFill::Id(0), 0)?;
//! assert_eq!(curve.scores, [1.0, 0.0, 0.0]);
//! assert_eq!(curve.area(), 0.25);
//! # Ok::<(), m2ib_metrics::Error>(())
//! ```
//!
//! **What this crate may know:** arrays, and explanations as plain results. It knows no model and no
//! tensors: whoever has a model answers for it through the two traits.

#[cfg(test)]
mod analytic;
mod blur;
mod caption;
mod checks;
mod confidence;
mod curve;
mod error;
mod faithfulness;
mod imputation;
mod infidelity;
mod likeness;
pub mod localisation;
mod metric;
mod order;
mod paired;
mod randomisation;
mod relaxation;
mod resampling;
mod road;
mod scorer;
mod sensitivity;
mod spearman;
pub mod words;

pub use caption::{CaptionTokens, MaskedText, TokenFill};
pub use confidence::{Confidence, image_confidence, kept_tokens, text_confidence};
pub use curve::{
    Curve, CurveSettings, image_deletion, image_insertion, text_deletion, text_insertion,
};
pub use error::{Error, Result};
pub use faithfulness::{FaithfulnessSettings, Values, image_faithfulness, text_faithfulness};
pub use imputation::impute;
pub use infidelity::{InfidelitySettings, Scaling, image_infidelity, text_infidelity};
pub use likeness::Likeness;
pub use metric::{Direction, Metric, Summary};
pub use paired::{Paired, Stand};
pub use randomisation::{
    LayerCorrelation, ParameterRandomisation, Partner, parameter_randomisation,
    partner_randomisation, seed_level,
};
pub use resampling::{CONFIDENCE, Estimate, Groups, Interval, RESAMPLES, mean};
pub use road::{Road, RoadSettings, road};
pub use scorer::{InputExplainer, Scorer};
pub use sensitivity::{SensitivitySettings, image_sensitivity, text_sensitivity};
pub use spearman::spearman;
