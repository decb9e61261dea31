//! Grad-CAM on a block's output.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData};
use m2ib::clip_input::Layout;
use m2ib::{Calibration, DualEncoder, Layer, Modality};
use ndarray::Array2;

use crate::host::host;
use crate::places::{Named, depths};
use crate::{Error, Method, MethodFactory, Result, Settings, Subject};

/// relu(Σ_d w_d h_{i,d}) over the features d of token i (Selvaraju et al., *Grad-CAM*, 2017).
///
/// Behind the last block, only the pooled token matters to the similarity and every patch's
/// gradient is 0; so the latest layer there is is the last but one, the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct GradCam {
    /// What features are weighed with.
    pub form: Form,
    /// The layer in both towers; the last block's input if not given.
    pub layer: Option<Layer>,
}

/// The weights w of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// The gradient's mean over patches (or the caption's tokens), as in the paper.
    #[default]
    Pooled,
    /// Each token's own gradient (as in HiResCAM; Draelos and Carin, 2020). At the last block's input,
    /// tokens that are not read out have next to nothing: they meet a layer norm first, to which it
    /// is all one how large they are but for its ε. An earlier layer tells more.
    Elementwise,
}

impl GradCam {
    /// The same with what is given changed.
    pub(super) fn configured(&self, settings: &mut Settings) -> Self {
        let (form, layer) = (
            Form::default(),
            "embedding, a block's number, or auto for the latest",
        );
        Self {
            form: settings.value("form", "pooled or elementwise", |_| true, self.form, form),
            layer: settings.optional("layer", layer, |_| true, self.layer, "auto"),
        }
    }

    /// The first block behind the layer.
    fn start(&self, modality: Modality, depth: usize) -> Result<usize> {
        let named = Named {
            method: self.name(),
            setting: "layer",
        };
        match self.layer {
            Some(layer) => named.layer(layer, modality, depth),
            None => Ok(depth - 1),
        }
    }

    /// `[1, tokens, width]` both, to `[tokens]`; patches or pieces are pooled over.
    fn map(&self, h: Tensor<3>, gradient: Tensor<3>, layout: &Layout) -> Result<Vec<f32>> {
        let weights = match self.form {
            Form::Pooled => {
                let inputs = layout.inputs().into_iter().map(|token| token as i64);
                let inputs = TensorData::from(&inputs.collect::<Vec<_>>()[..]);
                let inputs = Tensor::<1, Int>::from_data(inputs, &gradient.device());
                gradient.select(1, inputs).mean_dim(1)
            }
            Form::Elementwise => gradient,
        };
        host((h * weights).sum_dim(2).clamp_min(0.0), "Grad-CAM")
    }
}

impl MethodFactory for GradCam {
    fn name(&self) -> &str {
        "grad-cam"
    }

    fn description(&self) -> &str {
        "Features of a layer weighed by their gradients (Selvaraju et al. 2017)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(self.configured(settings))
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        for (modality, depth) in depths(model) {
            self.start(modality, depth)?;
        }
        Ok(())
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for GradCam {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let depth = subject.model().image().depth();
        let start = self.start(Modality::Image, depth)?;
        let h = subject.image_latent(start)?;
        let gradient = subject.image_fit(start, h.clone())?.gradient;
        Ok(subject.on_grid(&self.map(h, gradient, subject.image_layout())?))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let depth = subject.model().text().depth();
        let start = self.start(Modality::Text, depth)?;
        let h = subject.text_latent(start)?;
        let gradient = subject.text_fit(start, h.clone())?.gradient;
        self.map(h, gradient, subject.text_layout())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pooled => "pooled",
            Self::Elementwise => "elementwise",
        })
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "pooled" => Ok(Self::Pooled),
            "elementwise" => Ok(Self::Elementwise),
            _ => Err(Error::Value {
                what: "form of Grad-CAM",
                found: text.into(),
                expected: "pooled or elementwise",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;
    use m2ib::clip_input::{Read, Role, Sight};

    /// Element-wise: Σ_d h_d ∂y/∂h_d is the slope of y as the token grows in proportion.
    #[test]
    fn elementwise_is_the_slope_as_a_patch_grows() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let method = GradCam {
            form: Form::Elementwise,
            layer: Some(Layer::Block(0)),
        };
        let map = method.patches(&subject).unwrap();
        let h = subject.image_latent(1).unwrap();
        for (index, found) in map.iter().enumerate() {
            let token = 1 + index;
            let at = |factor: f64| {
                let width = h.dims()[2];
                let grown = h.clone().narrow(1, token, 1) * factor;
                let x = h
                    .clone()
                    .slice_assign([0..1, token..token + 1, 0..width], grown);
                let cosine = subject.image_fit(1, x).unwrap().value;
                f64::from(cosine.into_scalar::<f32>())
            };
            let slope = ((at(1.01) - at(0.99)) / 0.02).max(0.0);
            let found = f64::from(*found);
            assert!(
                (slope - found).abs() < 0.02 * found.abs() + 1e-4,
                "patch {index}: {slope} {found}"
            );
        }
    }

    #[test]
    fn both_forms_agree_where_all_patches_have_one_gradient() {
        let device = m2ib::Backend::Cpu.device().unwrap();
        let h = Tensor::<3>::from_floats([[[9.0, 9.0], [1.0, -2.0], [3.0, 0.5]]], &device);
        let one = Tensor::<3>::from_floats([[[7.0, 7.0], [2.0, 1.0], [2.0, 1.0]]], &device);
        let layout = Layout {
            tokens: vec![Role::Start, Role::Piece, Role::Piece],
            grid: None,
            read: Read::Row(0),
            sight: Sight::All,
        };
        let maps = [Form::Pooled, Form::Elementwise].map(|form| {
            let method = GradCam { form, layer: None };
            method.map(h.clone(), one.clone(), &layout).unwrap()[1..].to_vec()
        });
        assert_eq!(maps[0], maps[1]);
        // 2·1 − 2 = 0; 2·3 + ½ = 6½.
        assert_eq!(maps[0], [0.0, 6.5]);
    }

    #[test]
    fn a_layer_beyond_the_tower_is_named() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let method = GradCam {
            layer: Some(Layer::Block(99)),
            ..Default::default()
        };
        let error = method.patches(&subject).unwrap_err().to_string();
        assert!(error.contains("block.99"), "{error}");
    }
}
