//! Statistics gathered, image by image and caption by caption.

use clip_input::{Layout, Pictured};
use clip_model::{DualEncoder, TraceOptions};

use super::{Calibration, Moments};
use crate::{Backend, Error, Layer, Modality, Result};

/// Gathers statistics image by image and caption by caption.
#[derive(Debug)]
pub struct Calibrator<'a> {
    model: &'a DualEncoder,
    images: usize,
    captions: usize,
    image: Vec<Moments>,
    text: Vec<Moments>,
}

impl<'a> Calibrator<'a> {
    /// Starts with nothing seen.
    pub fn new(model: &'a DualEncoder) -> Self {
        let layers = |depth: usize, width| vec![Moments::new(width); depth + 1];
        Self {
            model,
            images: 0,
            captions: 0,
            image: layers(model.image().depth(), model.image().width()),
            text: layers(model.text().depth(), model.text().width()),
        }
    }

    /// Adds an image's patches.
    ///
    /// # Errors
    /// [`Error::Model`] if the image does not go through the tower.
    pub fn add_image(&mut self, image: &impl Pictured) -> Result<()> {
        let tower = self.model.image();
        let pixels = self.model.processor().process(image);
        let layout = self.model.image_layout(&pixels)?;
        let pixels = self.model.pixels(&pixels)?;
        let lanes = Backend::lanes(&self.model.device(), 1)?;
        let trace = lanes.together(|| {
            let embedded = tower.embed(pixels)?;
            Ok::<_, Error>(tower.trace(embedded, &layout, HIDDEN))
        })?;
        add_states(&mut self.image, &trace, &layout, Modality::Image)?;
        self.images += 1;
        Ok(())
    }

    /// Adds a caption's words.
    ///
    /// # Errors
    /// [`Error::Model`] if the caption cannot be tokenised.
    pub fn add_caption(&mut self, caption: &str) -> Result<()> {
        let tower = self.model.text();
        let caption = self.model.tokenizer().encode(caption)?;
        let layout = tower.layout(&caption)?;
        let ids = tower.ids(&caption.ids())?;
        let lanes = Backend::lanes(&self.model.device(), 1)?;
        let trace = lanes.together(|| tower.trace(tower.embed(ids), &layout, HIDDEN));
        add_states(&mut self.text, &trace, &layout, Modality::Text)?;
        self.captions += 1;
        Ok(())
    }

    /// The statistics of what was added.
    ///
    /// # Errors
    /// [`Error::TooFewSamples`] for fewer than two images or captions.
    pub fn finish(self) -> Result<Calibration> {
        for (what, found) in [("images", self.images), ("captions", self.captions)] {
            if found < 2 {
                return Err(Error::TooFewSamples {
                    what,
                    found,
                    expected: 2,
                });
            }
        }
        let layers = |moments: &[Moments]| {
            moments
                .iter()
                .enumerate()
                .map(|(i, m)| (hidden_state(i), m.finish()))
                .collect()
        };
        Ok(Calibration {
            model: self.model.name().into(),
            identity: self.model.identity().to_string(),
            images: self.images,
            captions: self.captions,
            image: layers(&self.image),
            text: layers(&self.text),
        })
    }
}

const HIDDEN: TraceOptions = TraceOptions {
    hidden: true,
    attention: false,
    gradients: false,
};

/// The layer whose output is hidden state `index`.
fn hidden_state(index: usize) -> Layer {
    index.checked_sub(1).map_or(Layer::Embedding, Layer::Block)
}

fn add_states(
    moments: &mut [Moments],
    trace: &clip_model::Trace,
    layout: &Layout,
    modality: Modality,
) -> Result<()> {
    // All layers or none: what fails at a late one must not have added its early ones.
    let states = (0..moments.len()).map(|index| {
        let state = trace
            .hidden_state(index)
            .expect("hidden states were asked for");
        let [_, _, width] = state.dims();
        let what = match modality {
            Modality::Image => "a hidden state of the image tower",
            Modality::Text => "a hidden state of the text tower",
        };
        Ok((crate::encoded::host(state, what)?, width))
    });
    let states = states.collect::<Result<Vec<_>>>()?;
    for (moments, (values, width)) in moments.iter_mut().zip(states) {
        for (role, row) in layout.tokens.iter().zip(values.chunks_exact(width)) {
            if role.is_input() {
                moments.add(row);
            }
        }
    }
    Ok(())
}
