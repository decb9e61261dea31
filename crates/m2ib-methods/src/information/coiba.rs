//! CoIBA: one bottleneck in several layers.

use std::sync::{Arc, OnceLock};

use burn::tensor::Tensor;
use m2ib::clip_input::Layout;
use m2ib::clip_model::Tower;
use m2ib::m2ib_core::{
    Bottleneck, Chain, NoiseModel, NoiseSource, SeededNoise, Settings as Solving, Stages,
};
use m2ib::{Beta, Calibration, DualEncoder, Gates, Layer, Modality, Quantity, Statistics, Unit};
use ndarray::Array2;

use crate::host::host;
use crate::places::{Named, depths};
use crate::subject::failed;
use crate::{Error, Method, MethodFactory, Result, Settings, Subject};

/// A bottleneck that masks several layers by the same gates (Hong, Kim, Jeon and Lee, *Comprehensive
/// Information Bottleneck for Unveiling Universal Attribution to Interpret Vision Transformers*, CVPR 2025):
/// `m2ib_core::Chain` has the formulas.
///
/// The authors explain the classes of image models by cross-entropy; here what is wanted is the pair's
/// similarity, as in M2IB, and a caption's tower is masked in the same way. They mask what blocks attend to,
/// behind its norm, from block 4 of 12 on; here it is the blocks' input itself, past which nothing leads. The
/// noise has the statistics of a calibration or, without one, those of the image's own patches and of some
/// captions of the model's [bank](m2ib::bank), each layer its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoIba {
    /// The first layer that is masked, depth/3 − 1 if not given: the input of block 4 of 12.
    pub first: Option<Layer>,
    /// The last one, depth − 2 if not given: the input of the last block.
    pub last: Option<Layer>,
    /// How it is solved.
    pub solving: Solving,
    /// The noise's seed.
    pub seed: u64,
}

/// Captions whose tokens stand for all others'.
const CAPTIONS: usize = 64;

impl Default for CoIba {
    fn default() -> Self {
        Self {
            first: None,
            last: None,
            solving: SOLVING,
            seed: 0,
        }
    }
}

/// The authors': a gate a token, β = 1, 10 steps of 10 samples.
const SOLVING: Solving = Solving {
    beta: Beta {
        first: 1.0,
        last: 1.0,
    },
    gamma: 0.0,
    gates: Gates::TOKEN,
    start: Solving::PAPERS_START,
    learning_rate: 1.0,
    steps: 10,
    samples: 10,
    quantity: Quantity::Nats,
};

/// Blocks `first` to `last`, whose inputs are masked.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: usize,
    last: usize,
}

/// The method bound to a model's statistics.
#[derive(Debug)]
struct Bound {
    coiba: CoIba,
    calibration: Option<Calibration>,
    /// Noise of the text's layers, of the bank's captions.
    text: OnceLock<Vec<NoiseModel>>,
}

impl CoIba {
    /// The same with what is given changed.
    fn configured(&self, settings: &mut Settings) -> Self {
        let layer = "embedding, a block's number, or auto";
        let first = settings.optional("first", layer, |_| true, self.first, "auto");
        let last = settings.optional("last", layer, |_| true, self.last, "auto");
        let (own, usual) = (self.solving, SOLVING);
        let kinds = "unit, token or a number of groups, at most 65536";
        let few = |gates: &Gates| match gates {
            Gates::Unit => true,
            Gates::Groups(groups) => groups.get() <= 1 << 16,
        };
        let quantities = "nats, share or mean-share";
        let solving = Solving {
            beta: settings.within("beta", Solving::BETA, own.beta, usual.beta),
            gamma: settings.within("gamma", Solving::GAMMA, own.gamma, usual.gamma),
            gates: settings.value("gates", kinds, few, own.gates, usual.gates),
            start: settings.within("start", Solving::START, own.start, usual.start),
            learning_rate: settings.within(
                "learning-rate",
                Solving::LEARNING_RATE,
                own.learning_rate,
                usual.learning_rate,
            ),
            steps: settings.within("steps", Solving::STEPS, own.steps, usual.steps),
            samples: settings.within("samples", Solving::SAMPLES, own.samples, usual.samples),
            quantity: settings.value(
                "quantity",
                quantities,
                |_| true,
                own.quantity,
                usual.quantity,
            ),
        };
        let seed = settings.seed(self.seed);
        Self {
            first,
            last,
            solving,
            seed,
        }
    }

    /// The blocks of a tower of `depth` whose inputs are masked.
    fn span(&self, modality: Modality, depth: usize) -> Result<Span> {
        let method = self.name();
        let block = |setting, layer: Option<Layer>, usual| match layer {
            Some(layer) => Named { method, setting }.layer(layer, modality, depth),
            None => Ok(usual),
        };
        let last = block("last", self.last, depth.saturating_sub(1))?;
        let first = block("first", self.first, (depth / 3).min(last))?;
        if first > last {
            let behind = layer_before(first);
            let expected = format!(
                "a layer of the {modality} tower not before the first, {behind}, or a first one before it"
            );
            let setting = "last";
            return Err(Named { method, setting }.wrong(layer_before(last), expected));
        }
        Ok(Span { first, last })
    }

    fn bottleneck(&self, model: &DualEncoder) -> Result<Bottleneck> {
        let unfit = |modality| {
            move |source| Error::Unfit {
                method: "coiba".into(),
                source: Box::new(m2ib::Error::of_bottleneck(modality, source)),
            }
        };
        let bottleneck = Bottleneck::new(self.solving).map_err(unfit(Modality::Image))?;
        for (modality, width) in [
            (Modality::Image, model.image().width()),
            (Modality::Text, model.text().width()),
        ] {
            bottleneck.check_width(width).map_err(unfit(modality))?;
        }
        Ok(bottleneck)
    }

    /// A calibration's noise of the layers that are masked.
    fn calibrated(
        &self,
        model: &DualEncoder,
        modality: Modality,
        calibration: &Calibration,
    ) -> Result<Vec<NoiseModel>> {
        let depth = match modality {
            Modality::Image => model.image().depth(),
            Modality::Text => model.text().depth(),
        };
        let span = self.span(modality, depth)?;
        let of_layer = |block| {
            let found = calibration.statistics(model, modality, layer_before(block));
            let statistics = found.map_err(|source| Error::Unfit {
                method: self.name().into(),
                source: source.into(),
            })?;
            Ok(statistics.noise_model())
        };
        (span.first..=span.last).map(of_layer).collect()
    }

    /// What patches get by given noise: statistics and a source for each layer that is masked.
    ///
    /// # Errors
    /// As [`Method::patches`], and [`Error::Explainer`] for another number of sources or statistics than of
    /// layers.
    pub fn patches_by(
        &self,
        subject: &Subject<'_>,
        models: Vec<NoiseModel>,
        noise: &[&dyn NoiseSource],
    ) -> Result<Array2<f32>> {
        let (model, modality) = (subject.model(), Modality::Image);
        let span = self.span(modality, model.image().depth())?;
        let chain = Chain {
            latent: subject.image_latent(span.first)?,
            noise_models: models,
            fit: subject.fits().image.clone(),
        };
        let layout = subject.image_layout();
        let values = self.solve(model, modality, span, &chain, layout, noise)?;
        Ok(subject.on_grid(&values))
    }

    /// The same of tokens.
    ///
    /// # Errors
    /// As [`patches_by`](Self::patches_by).
    pub fn tokens_by(
        &self,
        subject: &Subject<'_>,
        models: Vec<NoiseModel>,
        noise: &[&dyn NoiseSource],
    ) -> Result<Vec<f32>> {
        let (model, modality) = (subject.model(), Modality::Text);
        let span = self.span(modality, model.text().depth())?;
        let chain = Chain {
            latent: subject.text_latent(span.first)?,
            noise_models: models,
            fit: subject.fits().text.clone(),
        };
        self.solve(model, modality, span, &chain, subject.text_layout(), noise)
    }

    fn solve(
        &self,
        model: &DualEncoder,
        modality: Modality,
        span: Span,
        chain: &Chain,
        layout: &Layout,
        noise: &[&dyn NoiseSource],
    ) -> Result<Vec<f32>> {
        let tower: &dyn Tower = match modality {
            Modality::Image => model.image(),
            Modality::Text => model.text(),
        };
        let stages = Blocks {
            tower,
            span,
            layout,
        };
        let layers = span.last - span.first + 1;
        if chain.noise_models.len() != layers {
            return Err(Error::Shape {
                what: "the noise of CoIBA's layers",
                found: vec![chain.noise_models.len()],
                expected: vec![layers],
            });
        }
        let bottleneck = self.bottleneck(model)?;
        let solution = bottleneck.solve_chain(chain, &stages, noise, &mut |_| {});
        let solution = solution.map_err(|source| failed(modality, source))?;
        Ok(solution.saliency(self.solving.quantity).to_vec())
    }

    /// A seeded source for each layer; no layer of either side has another's.
    fn sources(&self, modality: Modality, span: Span) -> Vec<SeededNoise> {
        let channel = |layer: usize| (2 * layer + modality as usize) as u16;
        (0..=span.last - span.first)
            .map(|layer| SeededNoise::new(self.seed, channel(layer)))
            .collect()
    }
}

/// The layer whose output is the input of a block.
fn layer_before(block: usize) -> Layer {
    block.checked_sub(1).map_or(Layer::Embedding, Layer::Block)
}

fn as_sources(noise: &[SeededNoise]) -> Vec<&dyn NoiseSource> {
    noise.iter().map(|source| source as _).collect()
}

/// A tower's blocks between the layers that are masked.
struct Blocks<'a> {
    tower: &'a dyn Tower,
    span: Span,
    layout: &'a Layout,
}

impl Stages for Blocks<'_> {
    fn next(&self, layer: usize, latent: Tensor<3>) -> Tensor<3> {
        let block = self.span.first + layer;
        self.tower.blocks(block..block + 1, latent, self.layout)
    }

    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        self.tower.read_out(self.span.last, latent, self.layout)
    }
}

/// Hidden states of patches or pieces, layer by layer.
struct Layers {
    span: Span,
    rows: Vec<Vec<f32>>,
}

impl Layers {
    fn new(span: Span) -> Self {
        Self {
            span,
            rows: vec![Vec::new(); span.last + 1 - span.first],
        }
    }

    /// # Shapes
    /// - x: `[1, tokens, width]`, the first layer's
    fn add(&mut self, tower: &dyn Tower, mut x: Tensor<3>, layout: &Layout) -> Result<()> {
        let width = tower.width();
        for (layer, rows) in self.rows.iter_mut().enumerate() {
            if layer > 0 {
                let block = self.span.first + layer;
                x = tower.blocks(block - 1..block, x, layout);
            }
            let values = host(x.clone(), "a hidden state")?;
            let inputs = layout.tokens.iter().zip(values.chunks_exact(width));
            let inputs = inputs.filter(|(role, _)| role.is_input());
            rows.extend(inputs.flat_map(|(_, row)| row));
        }
        Ok(())
    }

    fn noise_models(&self, width: usize) -> Vec<NoiseModel> {
        let of_layer =
            |rows: &Vec<f32>| Statistics::of_rows(rows.chunks_exact(width), width).noise_model();
        self.rows.iter().map(of_layer).collect()
    }
}

impl Bound {
    /// The noise of the image's layers.
    fn of_image(&self, subject: &Subject<'_>, span: Span) -> Result<Vec<NoiseModel>> {
        let model = subject.model();
        if let Some(calibration) = &self.calibration {
            return self.coiba.calibrated(model, Modality::Image, calibration);
        }
        let mut layers = Layers::new(span);
        let latent = subject.image_latent(span.first)?;
        layers.add(model.image(), latent, subject.image_layout())?;
        Ok(layers.noise_models(model.image().width()))
    }

    /// The noise of the text's layers, found once.
    fn of_text(&self, subject: &Subject<'_>) -> Result<Vec<NoiseModel>> {
        let model = subject.model();
        if let Some(calibration) = &self.calibration {
            return self.coiba.calibrated(model, Modality::Text, calibration);
        }
        if let Some(known) = self.text.get() {
            return Ok(known.clone());
        }
        let tower = model.text();
        let span = self.coiba.span(Modality::Text, tower.depth())?;
        let bank = m2ib::bank(model)?;
        let mut layers = Layers::new(span);
        for caption in bank
            .captions()
            .step_by(bank.len().div_ceil(CAPTIONS).max(1))
        {
            let caption = model.tokenizer().encode(caption)?;
            let layout = tower.layout(&caption)?;
            let embedded = tower.embed(tower.ids(&caption.ids())?);
            let x = tower.blocks(0..span.first, embedded, &layout);
            layers.add(tower, x, &layout)?;
        }
        if layers.rows[0].is_empty() {
            // A vocabulary that knows none of the bank's captions leaves the pair's own.
            let latent = subject.text_latent(span.first)?;
            layers.add(tower, latent, subject.text_layout())?;
            return Ok(layers.noise_models(tower.width()));
        }
        let models = layers.noise_models(tower.width());
        Ok(self.text.get_or_init(|| models).clone())
    }
}

impl MethodFactory for CoIba {
    fn name(&self) -> &str {
        "coiba"
    }

    fn description(&self) -> &str {
        "What must pass several noisy layers at once, which share their gates (Hong, Kim, Jeon and Lee 2025)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(self.configured(settings))
    }

    fn fits(&self, model: &DualEncoder, calibration: Option<&Calibration>) -> Result<()> {
        self.bottleneck(model)?;
        for (modality, depth) in depths(model) {
            self.span(modality, depth)?;
            if let Some(calibration) = calibration {
                self.calibrated(model, modality, calibration)?;
            }
        }
        Ok(())
    }

    fn make(&self, _: &DualEncoder, calibration: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(Bound {
            coiba: *self,
            calibration: calibration.cloned(),
            text: OnceLock::new(),
        }))
    }
}

impl Method for Bound {
    fn factory(&self) -> &dyn MethodFactory {
        &self.coiba
    }

    fn unit(&self) -> Unit {
        match self.coiba.solving.quantity {
            Quantity::Nats => Unit::Nats,
            Quantity::Share | Quantity::MeanShare => Unit::Share,
        }
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let modality = Modality::Image;
        let span = self.coiba.span(modality, subject.model().image().depth())?;
        let noise = self.coiba.sources(modality, span);
        let models = self.of_image(subject, span)?;
        self.coiba.patches_by(subject, models, &as_sources(&noise))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let model = subject.model();
        let modality = Modality::Text;
        let span = self.coiba.span(modality, model.text().depth())?;
        let noise = self.coiba.sources(modality, span);
        self.coiba
            .tokens_by(subject, self.of_text(subject)?, &as_sources(&noise))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    fn parse(text: &str) -> CoIba {
        let mut settings = Settings::read("coiba", text.split(':').skip(1)).unwrap();
        CoIba::default().configured(&mut settings)
    }

    /// The embedded model's image tower has six blocks, its text tower three.
    #[test]
    fn the_layers_are_told_and_their_order_is_checked() {
        let span = |text: &str, modality, depth| {
            let span = parse(text).span(modality, depth).unwrap();
            [span.first, span.last]
        };
        assert_eq!(span("coiba", Modality::Image, 12), [4, 11]);
        assert_eq!(span("coiba", Modality::Image, 6), [2, 5]);
        assert_eq!(span("coiba", Modality::Text, 1), [0, 0]);
        assert_eq!(
            span("coiba:first=embedding:last=0", Modality::Text, 3),
            [0, 1]
        );
        assert_eq!(span("coiba:last=embedding", Modality::Image, 12), [0, 0]);
        let model = fixture::model();
        let error = parse("coiba:first=1:last=0").fits(&model, None);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("setting last") && error.contains("block.1"),
            "{error}"
        );
    }

    #[test]
    fn statistics_of_the_bank_and_of_a_calibration_differ_and_seeds_do() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let calibration = m2ib::emoji::calibration().unwrap();
        let by = |key: &str, calibration| {
            let method = parse(key).build(&model, calibration).unwrap();
            let attribution = method.attribute(&subject).unwrap();
            assert_eq!(attribution.image.unit, Unit::Nats);
            (
                attribution.image.saliency().clone(),
                attribution.text.saliency,
            )
        };
        let few = "coiba:steps=3:samples=2";
        let own = by(few, None);
        assert_eq!(own, by(few, None));
        let calibrated = by(few, Some(&calibration));
        assert!(own.0 != calibrated.0 && own.1 != calibrated.1);
        let seeded = by("coiba:steps=3:samples=2:seed=1", None);
        assert!(own.0 != seeded.0 && own.1 != seeded.1);
    }
}
