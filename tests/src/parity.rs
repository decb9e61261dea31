//! Our numbers against the reference's, quantity by quantity, each with its bound.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clip_input::{Caption, Role, Token};
use clip_model::clip::Clip;
use clip_model::{ImageTower, TextTower, Tower, TraceOptions};
use m2ib::ndarray::Array2;
use m2ib::{Modality, TextAttribution, TowerReadout, Unit, normalize, upsample};
use m2ib_core::{Bottleneck, Cosine, Lanes, Problem, Readout, Solution};

use crate::case::{Case, Values};

/// Hidden states and embeddings: of the tensor's largest magnitude.
pub const FORWARD: f64 = 1e-5;
/// Losses and saliencies: relative; α and capacities: of the largest.
pub const SOLUTION: f64 = 1e-4;
/// Heat maps and normalised scores: absolute.
pub const SCORES: f64 = 1e-3;

/// One quantity's largest difference.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was compared.
    pub quantity: String,
    /// The largest difference, in the bound's measure.
    pub difference: f64,
    /// What it may be at most.
    pub bound: f64,
}

impl Check {
    /// Whether the bound holds; a NaN does not.
    pub fn holds(&self) -> bool {
        self.difference <= self.bound
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "ok" } else { "BROKEN" };
        let Self {
            quantity,
            difference,
            bound,
        } = self;
        write!(
            f,
            "{quantity:<28} {difference:>9.2e}  ≤ {bound:.0e}  {verdict}"
        )
    }
}

/// Runs a case on a device and compares everything it expects; with more than one lane as an
/// explainer does on a CPU: samples shared out, elementwise work in loops on the host.
///
/// # Errors
/// If the case or its model cannot be loaded, or a shape differs.
pub fn run(case: &Case, device: &Device, lanes: usize) -> Result<Vec<Check>> {
    let mut clip = Clip::load(case.model(), device)?;
    clip.computes_on_host(lanes > 1);
    let lanes = Lanes::new(lanes, lanes)?;
    let mut checks = Vec::new();
    let (image, text) = (case.side(Modality::Image), case.side(Modality::Text));

    let pixels = case.tensor("pixel_values")?;
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels.data, pixels.shape), device);
    let [.., height, width] = pixels.dims();
    let embedded = clip.image.embed(pixels)?;
    let layout = &clip.image.layout([height, width])?;
    let trace = clip.image.trace(embedded.clone(), layout, HIDDEN);
    compare_hidden(case, Modality::Image, &trace, &mut checks)?;
    let depth = clip.image.depth();
    let whole = clip.image.read_out(depth, trace.output(), layout);
    let image_start = image.layer()?.next_block();
    let image_latent = clip.image.blocks(0..image_start, embedded, layout);
    let image_readout = TowerReadout {
        tower: &clip.image,
        start: image_start,
        layout,
    };
    let image_embedding = image_readout.read(image_latent.clone());
    let expected = case.tensor("expected.image_embeds")?;
    checks.push(of_largest(
        "image embedding",
        &host(whole)?,
        &expected,
        FORWARD,
    )?);
    let split = host(image_embedding.clone())?;
    checks.push(of_largest(
        "image embedding, split",
        &split,
        &expected,
        FORWARD,
    )?);

    let ids = case.ids()?;
    let caption = clip.text.layout_of_ids(&ids)?;
    let embedded = clip.text.embed(clip.text.ids(&ids)?);
    let trace = clip.text.trace(embedded.clone(), &caption, HIDDEN);
    compare_hidden(case, Modality::Text, &trace, &mut checks)?;
    let depth = clip.text.depth();
    let whole = clip.text.read_out(depth, trace.output(), &caption);
    let text_start = text.layer()?.next_block();
    let text_latent = clip.text.blocks(0..text_start, embedded, &caption);
    let text_readout = TowerReadout {
        tower: &clip.text,
        start: text_start,
        layout: &caption,
    };
    let text_embedding = text_readout.read(text_latent.clone());
    let expected = case.tensor("expected.text_embeds")?;
    checks.push(of_largest(
        "text embedding",
        &host(whole)?,
        &expected,
        FORWARD,
    )?);
    let split = host(text_embedding.clone())?;
    checks.push(of_largest(
        "text embedding, split",
        &split,
        &expected,
        FORWARD,
    )?);

    let solution = solve(
        case,
        Modality::Image,
        lanes,
        image_latent,
        &image_readout,
        text_embedding.clone(),
    )?;
    compare_solution(case, Modality::Image, &solution, &mut checks)?;
    let quantity = image.bottleneck().quantity;
    let saliency = solution.saliency(quantity).to_vec();
    let patches = layout.on_grid(&saliency);
    checks.push(relative(
        "image saliency",
        &patches,
        &case.tensor("expected.image.saliency")?,
        SOLUTION,
    )?);
    let nats = Array2::from_shape_vec(layout.grid.unwrap_or_default(), patches)?;
    let (heat_map, _) = normalize(&upsample(&nats, height, width));
    let heat_map = heat_map.into_raw_vec_and_offset().0;
    checks.push(absolute(
        "image heat map",
        &heat_map,
        &case.tensor("expected.image.heatmap")?,
    )?);

    let solution = solve(
        case,
        Modality::Text,
        lanes,
        text_latent,
        &text_readout,
        image_embedding,
    )?;
    compare_solution(case, Modality::Text, &solution, &mut checks)?;
    let saliency = solution.saliency(text.bottleneck().quantity).to_vec();
    checks.push(relative(
        "text saliency",
        &saliency,
        &case.tensor("expected.text.saliency")?,
        SOLUTION,
    )?);
    let text = TextAttribution {
        caption: caption_of(&ids),
        saliency,
        read: caption.read,
        unit: Unit::Nats,
        trace: solution.trace,
    };
    let scores = text.released_scores();
    checks.push(absolute(
        "text scores",
        &scores,
        &case.tensor("expected.text.scores")?,
    )?);
    Ok(checks)
}

const HIDDEN: TraceOptions = TraceOptions {
    hidden: true,
    attention: false,
    gradients: false,
};

fn solve(
    case: &Case,
    modality: Modality,
    lanes: Lanes,
    latent: Tensor<3>,
    readout: &dyn Readout,
    target: Tensor<2>,
) -> Result<Solution> {
    let bottleneck = Bottleneck::new(case.side(modality).bottleneck())?.with_lanes(lanes);
    let problem = Problem {
        latent,
        noise_model: case.noise_model(modality)?,
        fit: Arc::new(Cosine::new(target)),
    };
    Ok(bottleneck.solve(&problem, readout, &case.noise(modality)?, &mut |_| {})?)
}

fn compare_hidden(
    case: &Case,
    modality: Modality,
    trace: &clip_model::Trace,
    checks: &mut Vec<Check>,
) -> Result<()> {
    for index in 0..trace.hidden_states() {
        let Some(expected) = case.optional(&format!("expected.{modality}.hidden.{index}"))? else {
            continue;
        };
        let found = trace.hidden_state(index).expect("it was counted");
        let quantity = format!("{modality} hidden state {index}");
        checks.push(of_largest(&quantity, &host(found)?, &expected, FORWARD)?);
    }
    Ok(())
}

fn compare_solution(
    case: &Case,
    modality: Modality,
    solution: &Solution,
    checks: &mut Vec<Check>,
) -> Result<()> {
    checks.push(compare_losses(case, modality, solution)?);
    if let Some(expected) = case.optional(&format!("expected.{modality}.withheld_fits"))? {
        let withheld = solution.trace.iter().map(|step| step.withheld_fit);
        let withheld: Option<Vec<f32>> = withheld.collect();
        let withheld = withheld.context("there is no second side")?;
        let quantity = format!("{modality} withheld fits");
        let difference = |difference, _| difference;
        checks.push(compare(
            &quantity, &withheld, &expected, SOLUTION, difference,
        )?);
    }
    let alpha = solution.alpha.iter().copied().collect::<Vec<_>>();
    checks.push(of_largest(
        &format!("{modality} alpha"),
        &alpha,
        &case.tensor(&format!("expected.{modality}.alpha"))?,
        SOLUTION,
    )?);
    let capacity = solution.capacity.iter().copied().collect::<Vec<_>>();
    let expected = case.tensor(&format!("expected.{modality}.capacity"))?;
    checks.push(of_largest(
        &format!("{modality} capacity"),
        &capacity,
        &expected,
        SOLUTION,
    )?);
    Ok(())
}

/// Every step's compression relative to itself; fit and total relative to β · compression + |fit|,
/// the terms they are weighed from, since both cross zero on their way.
fn compare_losses(case: &Case, modality: Modality, solution: &Solution) -> Result<Check> {
    let expected = case.tensor(&format!("expected.{modality}.losses"))?;
    ensure!(
        expected.data.len() == 3 * solution.trace.len(),
        "{} steps, expected losses {:?}",
        solution.trace.len(),
        expected.shape
    );
    let settings = case.side(modality).bottleneck();
    let mut differences = Vec::new();
    let steps = solution.trace.iter().zip(expected.data.chunks_exact(3));
    for (index, (step, expected)) in steps.enumerate() {
        let beta = settings.beta.at(index, settings.steps);
        let [compression, fit, total] = [0, 1, 2].map(|index| f64::from(expected[index]));
        let terms = beta * compression.abs() + fit.abs();
        differences.push((f64::from(step.compression) - compression).abs() / compression.abs());
        differences.push((f64::from(step.fit) - fit).abs() / terms);
        differences.push((f64::from(step.total) - total).abs() / terms);
    }
    let difference = differences.into_iter().fold(0.0, worse);
    Ok(Check {
        quantity: format!("{modality} losses"),
        difference,
        bound: SOLUTION,
    })
}

fn of_largest(quantity: &str, found: &[f32], expected: &Values, bound: f64) -> Result<Check> {
    let largest = expected
        .data
        .iter()
        .fold(0.0f64, |m, &x| m.max(f64::from(x).abs()));
    compare(quantity, found, expected, bound, |difference, _| {
        difference / largest
    })
}

fn relative(quantity: &str, found: &[f32], expected: &Values, bound: f64) -> Result<Check> {
    compare(quantity, found, expected, bound, |difference, expected| {
        difference / expected.abs()
    })
}

fn absolute(quantity: &str, found: &[f32], expected: &Values) -> Result<Check> {
    compare(quantity, found, expected, SCORES, |difference, _| {
        difference
    })
}

fn compare(
    quantity: &str,
    found: &[f32],
    expected: &Values,
    bound: f64,
    measure: impl Fn(f64, f64) -> f64,
) -> Result<Check> {
    ensure!(
        found.len() == expected.data.len(),
        "{quantity}: {} values, expected {:?}",
        found.len(),
        expected.shape
    );
    let difference = found
        .iter()
        .zip(&expected.data)
        .map(|(&found, &expected)| {
            let difference = (f64::from(found) - f64::from(expected)).abs();
            if difference == 0.0 {
                0.0
            } else {
                measure(difference, f64::from(expected))
            }
        })
        .fold(0.0, worse);
    Ok(Check {
        quantity: quantity.into(),
        difference,
        bound,
    })
}

/// The larger of two differences; a NaN is worst (`max` would drop it).
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    Ok(tensor.try_into_vec_as::<f32>()?)
}

/// Stand-ins for the tokens of ids given without a tokenizer.
fn caption_of(ids: &[i64]) -> Caption {
    let token = |(index, &id): (usize, &i64)| Token {
        id,
        text: id.to_string(),
        role: match index {
            0 => Role::Start,
            index if index + 1 == ids.len() => Role::End,
            _ => Role::Piece,
        },
        span: 0..0,
        word: None,
    };
    Caption {
        text: String::new(),
        tokens: ids.iter().enumerate().map(token).collect(),
        cut: None,
    }
}
