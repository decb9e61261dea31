//! Our numbers against the reference's, quantity by quantity, each with its bound.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clip_input::{Caption, Layout, Role, Token};
use clip_model::{Encoder, Tower, Towers, TraceOptions};
use m2ib::ndarray::Array2;
use m2ib::{Modality, PaddedReadout, TextAttribution, TowerReadout, Unit, normalize, upsample};
use m2ib_core::{Bottleneck, Cosine, Lanes, Problem, Readout, Solution, cosine_similarity};

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
    let towers = match case.adapter() {
        Some(adapter) => Towers::load_adapted(case.model(), adapter, device)?,
        None => Towers::load(case.model(), device)?,
    };
    let on_host = |encoder: &Encoder| encoder.computing_on_host(lanes > 1);
    let image = towers.image.with_encoder(on_host(towers.image.encoder()));
    let text = towers.text.with_encoder(on_host(towers.text.encoder()));
    let lanes = Lanes::new(lanes, lanes)?;
    let mut checks = Vec::new();

    let pixels = case.pixels()?;
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels.data, pixels.shape), device);
    let [.., height, width] = pixels.dims();
    let embedded = image.embed(pixels)?;
    let layout = image.layout([height, width])?;
    let image = Side::read(
        case,
        Modality::Image,
        &*image,
        &layout,
        embedded,
        &mut checks,
    )?;

    let ids = case.ids()?;
    let caption = caption_of(&ids, case.side(Modality::Text).padding());
    let layout = text.layout(&caption)?;
    let embedded = text.embed(text.ids(&ids)?);
    let text = Side::read(case, Modality::Text, &*text, &layout, embedded, &mut checks)?;

    if let Some(expected) = case.similarity() {
        let cosine = cosine_similarity(image.embedding.clone(), text.embedding.clone());
        let cosine = host(cosine)?[0];
        let difference = |found: f32, expected: f64| (f64::from(found) - expected).abs();
        checks.push(Check {
            quantity: "cosine".into(),
            difference: difference(cosine, expected.cosine),
            bound: FORWARD,
        });
        if let Some(probability) = expected.probability {
            let bias = towers.bias.context("the model has no logit_bias")?;
            let found = 1.0 / (1.0 + (-(towers.scale * cosine + bias)).exp());
            checks.push(Check {
                quantity: "probability".into(),
                difference: difference(found, probability),
                bound: FORWARD,
            });
        }
    }

    let (solution, saliency) = image.solve(case, lanes, text.embedding.clone())?;
    compare_solution(case, Modality::Image, &solution, &mut checks)?;
    let layout = image.readout.layout;
    let patches = layout.on_grid(&saliency);
    checks.push(relative(
        "image saliency",
        &patches,
        &case.tensor("expected.image.saliency")?,
        SOLUTION,
    )?);
    let [rows, columns] = layout.grid.unwrap_or_default();
    let [down, across] = towers.image.patch();
    let nats = Array2::from_shape_vec([rows, columns], patches)?;
    // Over the pixels that patches cover.
    let (heat_map, _) = normalize(&upsample(&nats, rows * down, columns * across));
    let heat_map = heat_map.into_raw_vec_and_offset().0;
    checks.push(absolute(
        "image heat map",
        &heat_map,
        &case.tensor("expected.image.heatmap")?,
    )?);

    let (solution, saliency) = text.solve(case, lanes, image.embedding)?;
    compare_solution(case, Modality::Text, &solution, &mut checks)?;
    checks.push(relative(
        "text saliency",
        &saliency,
        &case.tensor("expected.text.saliency")?,
        SOLUTION,
    )?);
    let text = TextAttribution {
        caption,
        saliency,
        read: text.readout.layout.read.clone(),
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

/// One tower at its masked layer.
struct Side<'a> {
    modality: Modality,
    readout: TowerReadout<'a>,
    latent: Tensor<3>,
    embedding: Tensor<2>,
}

impl<'a> Side<'a> {
    /// Runs the tower and compares what it makes on its way.
    fn read(
        case: &Case,
        modality: Modality,
        tower: &'a dyn Tower,
        layout: &'a Layout,
        embedded: Tensor<3>,
        checks: &mut Vec<Check>,
    ) -> Result<Self> {
        let trace = tower.trace(embedded.clone(), layout, HIDDEN);
        compare_hidden(case, modality, &trace, checks)?;
        let whole = tower.read_out(tower.depth(), trace.output(), layout);
        let start = case.side(modality).layer()?.next_block();
        let latent = tower.blocks(0..start, embedded, layout);
        let readout = TowerReadout {
            tower,
            start,
            layout,
        };
        let embedding = readout.read(latent.clone());
        let expected = case.tensor(&format!("expected.{modality}_embeds"))?;
        for (found, how) in [(whole, ""), (embedding.clone(), ", split")] {
            let quantity = format!("{modality} embedding{how}");
            checks.push(of_largest(&quantity, &host(found)?, &expected, FORWARD)?);
        }
        Ok(Self {
            modality,
            readout,
            latent,
            embedding,
        })
    }

    /// The solution over the rows that get noise, and the saliency of all rows.
    fn solve(&self, case: &Case, lanes: Lanes, target: Tensor<2>) -> Result<(Solution, Vec<f32>)> {
        let settings = case.side(self.modality);
        let [_, rows, _] = self.latent.dims();
        let masked = settings.masked(rows)?;
        let padded = (masked < rows).then(|| PaddedReadout {
            readout: self.readout,
            padding: self.latent.clone().narrow(1, masked, rows - masked),
        });
        let readout: &dyn Readout = match &padded {
            None => &self.readout,
            Some(padded) => padded,
        };
        let bottleneck = Bottleneck::new(settings.bottleneck())?.with_lanes(lanes);
        let problem = Problem {
            latent: self.latent.clone().narrow(1, 0, masked),
            noise_model: case.noise_model(self.modality)?,
            fit: Arc::new(Cosine::new(target)),
            stream: 0,
        };
        let noise = case.noise(self.modality, masked)?;
        let solution = bottleneck.solve(&problem, readout, &noise, &mut |_| {})?;
        let mut saliency = solution.saliency(settings.bottleneck().quantity).to_vec();
        saliency.resize(rows, 0.0);
        Ok((solution, saliency))
    }
}

const HIDDEN: TraceOptions = TraceOptions {
    hidden: true,
    attention: false,
    gradients: false,
};

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
        let expected = case.side(modality).without_filling(expected);
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
    let expected = case.tensor(&format!("expected.{modality}.alpha"))?;
    let mut alpha = solution.alpha.iter().copied().collect::<Vec<_>>();
    // Rows without noise stay as they began, and pass nothing.
    alpha.resize(
        expected.data.len(),
        case.side(modality).bottleneck().start as f32,
    );
    let quantity = format!("{modality} alpha");
    checks.push(of_largest(&quantity, &alpha, &expected, SOLUTION)?);
    let expected = case.tensor(&format!("expected.{modality}.capacity"))?;
    let mut capacity = solution.capacity.iter().copied().collect::<Vec<_>>();
    capacity.resize(expected.data.len(), 0.0);
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
fn caption_of(ids: &[i64], padding: &[usize]) -> Caption {
    let end = ids.len().saturating_sub(padding.len() + 1);
    let token = |(index, &id): (usize, &i64)| Token {
        id,
        text: id.to_string(),
        role: match index {
            index if padding.contains(&index) => Role::Padding,
            0 => Role::Start,
            index if index == end => Role::End,
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
