//! What training makes small: CLIP's symmetric contrastive loss, or SigLIP's of each pair by itself.
//!
//! **Contrastive.** Scores are s_ij = scale · cos(image i, caption j). A caption j of image o is compared with the
//! other captions, L_j = ln(e^(s_oj) + Σ_k e^(s_ok)) − s_oj, k over captions that are not true of
//! image o, and with the other images in the same way, i over images of which j is not true. The
//! loss is the mean of both over the captions. A pair that is true without being a caption's own
//! (another picture with the same thing on it) thus neither attracts nor repels.
//!
//! **Sigmoid** (Zhai et al. 2023). With a bias, scores are s_ij = scale · cos + bias, and each pair is
//! asked by itself whether it belongs together: the loss is Σ −ln sigmoid(z_ij s_ij) over the number of
//! captions, z being 1 for a caption and its own image, −1 for what is not true, and 0 for other pairs
//! that are true. (As positives, those would be more in some batches than in others, and all embeddings
//! would be drawn together and apart by turns: a small model did not get beyond that in 400 steps.)

use clip_model::{Gradients, LOGIT_BIAS, LOGIT_SCALE};
use rayon::prelude::*;

/// The loss and its gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Its value.
    pub value: f64,
    /// With respect to the image embeddings (before they are normalised), `[images, width]`.
    pub images: Vec<f32>,
    /// With respect to the caption embeddings, `[captions, width]`.
    pub captions: Vec<f32>,
    /// With respect to the logarithm of the scale.
    pub log_scale: f64,
    /// With respect to the bias, where there is one.
    pub bias: Option<f64>,
}

impl Loss {
    /// Adds the gradients of the scale's logarithm and of the bias.
    pub fn add_around(&self, into: &mut Gradients) {
        into.add(LOGIT_SCALE.into(), vec![self.log_scale as f32]);
        if let Some(bias) = self.bias {
            into.add(LOGIT_BIAS.into(), vec![bias as f32]);
        }
    }
}

/// What cosines become scores by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logits {
    /// The logarithm of what they are multiplied with.
    pub log_scale: f64,
    /// What is added, where each pair is asked by itself.
    pub bias: Option<f64>,
}

/// Compares every image with every caption by the loss that the model was made for: each pair by
/// itself where there is a bias, one among all others else.
///
/// # Shapes
/// As [`contrastive`].
pub fn matching(
    images: &[f32],
    captions: &[f32],
    width: usize,
    logits: Logits,
    owners: &[usize],
    is_true: &[bool],
) -> Loss {
    let scale = logits.log_scale;
    match logits.bias {
        Some(bias) => sigmoid(images, captions, width, (scale, bias), owners, is_true),
        None => contrastive(images, captions, width, scale, owners, is_true),
    }
}

/// Compares every image with every caption, one among all others.
///
/// # Shapes
/// - images: `[images, width]`, captions: `[captions, width]`
/// - owners: the image of each caption
/// - is_true: `[images, captions]`
pub fn contrastive(
    images: &[f32],
    captions: &[f32],
    width: usize,
    log_scale: f64,
    owners: &[usize],
    is_true: &[bool],
) -> Loss {
    compared(images, captions, width, log_scale.exp(), |scores| {
        of_scores(scores, owners, is_true)
    })
}

/// Asks of every image and every caption whether they belong together.
///
/// # Shapes
/// As [`contrastive`].
pub fn sigmoid(
    images: &[f32],
    captions: &[f32],
    width: usize,
    (log_scale, bias): (f64, f64),
    owners: &[usize],
    is_true: &[bool],
) -> Loss {
    let mut to_bias = 0.0;
    let loss = compared(images, captions, width, log_scale.exp(), |scores| {
        let (value, gradient) = of_each(scores, bias, owners, is_true);
        to_bias = gradient.iter().sum();
        (value, gradient)
    });
    Loss {
        bias: Some(to_bias),
        ..loss
    }
}

/// The loss `of` multiples of cosines, and what follows from its gradient with respect to them.
fn compared(
    images: &[f32],
    captions: &[f32],
    width: usize,
    scale: f64,
    of: impl FnOnce(&[f64]) -> (f64, Vec<f64>),
) -> Loss {
    let (image_units, image_norms) = normalized(images, width);
    let (caption_units, caption_norms) = normalized(captions, width);
    let scores: Vec<f64> = image_units
        .par_chunks_exact(width)
        .flat_map_iter(|image| {
            let captions = caption_units.chunks_exact(width);
            captions.map(move |caption| scale * dot(image, caption))
        })
        .collect();
    let (value, to_scores) = of(&scores);
    let count = caption_norms.len();
    let log_scale = scores.iter().zip(&to_scores).map(|(s, g)| s * g).sum();

    let to_images = back(&image_units, &image_norms, width, |image, sum| {
        for (caption, unit) in caption_units.chunks_exact(width).enumerate() {
            add(sum, scale * to_scores[image * count + caption], unit);
        }
    });
    let to_captions = back(&caption_units, &caption_norms, width, |caption, sum| {
        for (image, unit) in image_units.chunks_exact(width).enumerate() {
            add(sum, scale * to_scores[image * count + caption], unit);
        }
    });
    Loss {
        value,
        images: to_images,
        captions: to_captions,
        log_scale,
        bias: None,
    }
}

/// The loss of each pair by itself, and its gradient with respect to the scores `[images, captions]`.
fn of_each(scores: &[f64], bias: f64, owners: &[usize], is_true: &[bool]) -> (f64, Vec<f64>) {
    let share = 1.0 / owners.len() as f64;
    let mut loss = 0.0;
    let pairs = scores.iter().zip(is_true).enumerate();
    let gradient = pairs.map(|(at, (score, &is_true))| {
        let sign = match (owners[at % owners.len()] == at / owners.len(), is_true) {
            (true, _) => 1.0,
            (false, true) => return 0.0,
            (false, false) => -1.0,
        };
        let logit = sign * (score + bias);
        // −ln sigmoid(x) = ln(1 + e^−x), by whichever exponential does not overflow.
        loss += share * ((-logit.abs()).exp().ln_1p() + (-logit).max(0.0));
        -share * sign / (1.0 + logit.exp())
    });
    let gradient = gradient.collect();
    (loss, gradient)
}

/// The loss of scores `[images, captions]`, and its gradient with respect to them.
fn of_scores(scores: &[f64], owners: &[usize], is_true: &[bool]) -> (f64, Vec<f64>) {
    let count = owners.len();
    let images = scores.len() / count;
    let mut gradient = vec![0.0; scores.len()];
    let mut loss = 0.0;
    let share = 0.5 / count as f64;
    for (caption, &owner) in owners.iter().enumerate() {
        let own = owner * count + caption;
        let row = (0..count).map(|other| owner * count + other);
        let column = (0..images).map(|other| other * count + caption);
        let row: Vec<usize> = row.filter(|&at| !is_true[at]).collect();
        let column: Vec<usize> = column.filter(|&at| !is_true[at]).collect();
        for negatives in [row, column] {
            let largest = negatives
                .iter()
                .fold(scores[own], |m, &at| m.max(scores[at]));
            let own_part = (scores[own] - largest).exp();
            let parts: Vec<f64> = negatives
                .iter()
                .map(|&at| (scores[at] - largest).exp())
                .collect();
            let sum = own_part + parts.iter().sum::<f64>();
            loss += share * (sum.ln() + largest - scores[own]);
            gradient[own] += share * (own_part / sum - 1.0);
            for (at, part) in negatives.into_iter().zip(parts) {
                gradient[at] += share * part / sum;
            }
        }
    }
    (loss, gradient)
}

/// Rows at length 1, and the lengths they had.
fn normalized(rows: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let mut units: Vec<f64> = rows.iter().map(|&x| f64::from(x)).collect();
    let rows = units.chunks_exact_mut(width);
    let norms = rows.map(|row| {
        // As in torch's normalize: an embedding of zeros stays one.
        let norm = dot(row, row).sqrt().max(1e-12);
        row.iter_mut().for_each(|x| *x /= norm);
        norm
    });
    let norms = norms.collect();
    (units, norms)
}

/// From the gradients of unit rows, which `gather` adds up, to those of the rows themselves:
/// (g − u (u·g))/‖x‖.
fn back(
    units: &[f64],
    norms: &[f64],
    width: usize,
    gather: impl Fn(usize, &mut [f64]) + Sync,
) -> Vec<f32> {
    let rows = units.par_chunks_exact(width).zip(norms).enumerate();
    rows.flat_map_iter(|(index, (unit, norm))| {
        let mut gradient = vec![0.0; width];
        gather(index, &mut gradient);
        let along = dot(unit, &gradient);
        let gradient = gradient.into_iter().zip(unit);
        gradient.map(move |(g, u)| ((g - u * along) / norm) as f32)
    })
    .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn add(sum: &mut [f64], factor: f64, x: &[f64]) {
    sum.iter_mut()
        .zip(x)
        .for_each(|(sum, x)| *sum += factor * x);
}

#[cfg(test)]
mod tests;
