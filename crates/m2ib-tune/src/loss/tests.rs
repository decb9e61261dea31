use super::*;

const WIDTH: usize = 5;

fn embeddings(count: usize, phase: f32) -> Vec<f32> {
    let values = 0..count * WIDTH;
    values.map(|i| (i as f32 * 1.3 + phase).sin()).collect()
}

/// Three images with two captions each; captions 0 and 3 are true of images 0 and 1.
fn problem() -> (Vec<f32>, Vec<f32>, Vec<usize>, Vec<bool>) {
    let owners = vec![0, 0, 1, 1, 2, 2];
    let is_true = (0..18).map(|at| {
        let (image, caption) = (at / 6, at % 6);
        owners[caption] == image || (image < 2 && [0, 3].contains(&caption))
    });
    let is_true = is_true.collect();
    (embeddings(3, 0.2), embeddings(6, 0.9), owners, is_true)
}

/// The formula, word for word.
fn slow(
    images: &[f32],
    captions: &[f32],
    log_scale: f64,
    owners: &[usize],
    is_true: &[bool],
) -> f64 {
    let row = |all: &[f32], index: usize| -> Vec<f64> {
        let row = &all[index * WIDTH..(index + 1) * WIDTH];
        row.iter().map(|&x| f64::from(x)).collect()
    };
    let score = |image: usize, caption: usize| {
        let (a, b) = (row(images, image), row(captions, caption));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        log_scale.exp() * product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
    };
    let (count, images) = (owners.len(), images.len() / WIDTH);
    let losses = (0..count).map(|caption| {
        let owner = owners[caption];
        let own = score(owner, caption).exp();
        let others = |caption: usize, image: usize| match is_true[image * count + caption] {
            true => 0.0,
            false => score(image, caption).exp(),
        };
        let captions: f64 = (0..count).map(|other| others(other, owner)).sum();
        let images: f64 = (0..images).map(|other| others(caption, other)).sum();
        -(own / (own + captions)).ln() - (own / (own + images)).ln()
    });
    losses.sum::<f64>() / (2 * count) as f64
}

#[test]
fn the_loss_is_the_formula() {
    let (images, captions, owners, is_true) = problem();
    let found = contrastive(&images, &captions, WIDTH, 1.2, &owners, &is_true);
    let expected = slow(&images, &captions, 1.2, &owners, &is_true);
    assert!(
        (found.value - expected).abs() < 1e-12,
        "{} {expected}",
        found.value
    );
}

#[test]
fn gradients_agree_with_finite_differences() {
    let (images, captions, owners, is_true) = problem();
    let loss = contrastive(&images, &captions, WIDTH, 1.2, &owners, &is_true);
    let step = 1e-2f32;
    let moved = |all: &[f32], index: usize, by: f32| {
        let mut all = all.to_vec();
        all[index] += by;
        all
    };
    for index in 0..images.len() {
        let at = |by| {
            slow(
                &moved(&images, index, by),
                &captions,
                1.2,
                &owners,
                &is_true,
            )
        };
        let expected = (at(step) - at(-step)) / f64::from(2.0 * step);
        assert!((f64::from(loss.images[index]) - expected).abs() < 1e-4);
    }
    for index in 0..captions.len() {
        let at = |by| {
            slow(
                &images,
                &moved(&captions, index, by),
                1.2,
                &owners,
                &is_true,
            )
        };
        let expected = (at(step) - at(-step)) / f64::from(2.0 * step);
        assert!((f64::from(loss.captions[index]) - expected).abs() < 1e-4);
    }
    let at = |scale| slow(&images, &captions, scale, &owners, &is_true);
    let expected = (at(1.2 + 1e-5) - at(1.2 - 1e-5)) / 2e-5;
    assert!((loss.log_scale - expected).abs() < 1e-8);
}

#[test]
fn true_pairs_that_are_not_a_captions_own_have_no_gradient() {
    let (_, _, owners, is_true) = problem();
    let scores: Vec<f64> = (0..18).map(|i| (f64::from(i) * 0.7).sin() * 3.0).collect();
    let (_, gradient) = of_scores(&scores, &owners, &is_true);
    for (at, &gradient) in gradient.iter().enumerate() {
        let (image, caption) = (at / 6, at % 6);
        match (owners[caption] == image, is_true[at]) {
            (true, _) => assert!(gradient < 0.0),
            (false, true) => assert_eq!(gradient, 0.0),
            (false, false) => assert!(gradient > 0.0),
        }
    }
}

/// SigLIP's formula, word for word.
fn slow_sigmoid(
    images: &[f32],
    captions: &[f32],
    at: (f64, f64),
    owners: &[usize],
    is_true: &[bool],
) -> f64 {
    let row = |all: &[f32], index: usize| -> Vec<f64> {
        let row = &all[index * WIDTH..(index + 1) * WIDTH];
        row.iter().map(|&x| f64::from(x)).collect()
    };
    let (count, images_count) = (captions.len() / WIDTH, images.len() / WIDTH);
    let mut loss = 0.0;
    for (image, caption) in (0..images_count).flat_map(|i| (0..count).map(move |c| (i, c))) {
        let (a, b) = (row(images, image), row(captions, caption));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt();
        let sign = match (owners[caption] == image, is_true[image * count + caption]) {
            (true, _) => 1.0,
            (false, true) => continue,
            (false, false) => -1.0,
        };
        loss -= (1.0 / (1.0 + (-sign * (at.0.exp() * cosine + at.1)).exp())).ln();
    }
    loss / count as f64
}

#[test]
fn the_sigmoid_loss_is_the_formula_and_its_gradients_are_slopes() {
    let (images, captions, owners, is_true) = problem();
    let at = (1.2, -2.0);
    let logits = Logits {
        log_scale: at.0,
        bias: Some(at.1),
    };
    let loss = matching(&images, &captions, WIDTH, logits, &owners, &is_true);
    let value = |images: &[f32], captions: &[f32], at| {
        slow_sigmoid(images, captions, at, &owners, &is_true)
    };
    assert!((loss.value - value(&images, &captions, at)).abs() < 1e-12);
    let step = 1e-2f32;
    let moved = |all: &[f32], index: usize, by: f32| {
        let mut all = all.to_vec();
        all[index] += by;
        all
    };
    for index in 0..images.len() {
        let along = |by| value(&moved(&images, index, by), &captions, at);
        let expected = (along(step) - along(-step)) / f64::from(2.0 * step);
        assert!((f64::from(loss.images[index]) - expected).abs() < 1e-4);
    }
    for index in 0..captions.len() {
        let along = |by| value(&images, &moved(&captions, index, by), at);
        let expected = (along(step) - along(-step)) / f64::from(2.0 * step);
        assert!((f64::from(loss.captions[index]) - expected).abs() < 1e-4);
    }
    let by = 1e-5;
    let scale = |by: f64| value(&images, &captions, (at.0 + by, at.1));
    assert!((loss.log_scale - (scale(by) - scale(-by)) / (2.0 * by)).abs() < 1e-8);
    let bias = |by: f64| value(&images, &captions, (at.0, at.1 + by));
    assert!((loss.bias.unwrap() - (bias(by) - bias(-by)) / (2.0 * by)).abs() < 1e-8);
}

#[test]
fn scores_far_from_zero_have_a_finite_loss() {
    let (loss, gradient) = of_each(&[-2000.0, 2000.0], 0.0, &[0, 1], &[true, false]);
    assert!((loss - 2000.0).abs() < 1e-9, "{loss}");
    assert_eq!(gradient, [-0.5, 0.5]);
    let (loss, gradient) = of_each(&[2000.0, -2000.0], 0.0, &[0, 1], &[true, false]);
    assert_eq!((loss, gradient), (0.0, vec![-0.0, 0.0]));
    // True of an image that is not its own: neither.
    let (loss, gradient) = of_each(&[0.0, 1.0], 0.0, &[0, 1], &[true, true]);
    assert!((loss - 0.5 * 2f64.ln()).abs() < 1e-12, "{loss}");
    assert_eq!(gradient, [-0.25, 0.0]);
}
