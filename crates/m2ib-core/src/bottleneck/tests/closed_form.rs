//! Against the formulas, evaluated in f64.

use super::*;

/// Mean and deviation of a feature's noise.
fn prior(noise_model: &NoiseModel, feature: usize) -> (f64, f64) {
    match noise_model {
        NoiseModel::Isotropic(sigma) => (0.0, f64::from(*sigma)),
        NoiseModel::Matched { mean, std } => (f64::from(mean[feature]), f64::from(std[feature])),
    }
}

pub(super) fn sigmoid64(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Capacity of one unit, from the textbook divergence of two Gaussians N(a, b²) and N(m, s²).
fn divergence(alpha: f64, h: f64, (m, s): (f64, f64)) -> f64 {
    let lambda = sigmoid64(alpha);
    let a = lambda * h + (1.0 - lambda) * m;
    let b = (1.0 - lambda) * s;
    (s / b).ln() + (b * b + (a - m).powi(2)) / (2.0 * s * s) - 0.5
}

/// Compression, and the fit of what passes and of what is withheld, word for word from the
/// definition.
fn terms(
    alpha: &[[f64; WIDTH]; TOKENS],
    noise_model: &NoiseModel,
    noise: &[[[f64; WIDTH]; TOKENS]],
) -> [f64; 3] {
    let mut nats = 0.0;
    for token in 0..TOKENS {
        for feature in 0..WIDTH {
            let prior = prior(noise_model, feature);
            nats += divergence(alpha[token][feature], LATENT[token][feature], prior);
        }
    }
    let cosine = |noise: &[[f64; WIDTH]; TOKENS], passes: fn(f64) -> f64| {
        let mut embedding = [0.0; EMBEDDING];
        for token in 0..TOKENS {
            for feature in 0..WIDTH {
                let (m, s) = prior(noise_model, feature);
                let share = passes(sigmoid64(alpha[token][feature]));
                let z = share * LATENT[token][feature]
                    + (1.0 - share) * (m + s * noise[token][feature]);
                for (sum, weight) in embedding.iter_mut().zip(WEIGHTS[feature]) {
                    *sum += z.tanh() * weight;
                }
            }
        }
        let dot: f64 = embedding.iter().zip(TARGET).map(|(a, b)| a * b).sum();
        let norm = |x: [f64; EMBEDDING]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        dot / (norm(embedding) * norm(TARGET))
    };
    let mean = |passes| {
        let cosines = noise.iter().map(|noise| cosine(noise, passes));
        cosines.sum::<f64>() / noise.len() as f64
    };
    [
        nats / (TOKENS * WIDTH) as f64,
        mean(|lambda| lambda),
        mean(|lambda| 1.0 - lambda),
    ]
}

#[test]
fn the_gradient_is_the_slope_of_the_objective_under_every_noise_side_and_gate() {
    let noise = [
        [[0.3, -1.1, 0.6], [1.4, 0.2, -0.7]],
        [[-0.9, 0.5, 1.2], [-0.2, -1.6, 0.8]],
    ];
    let recorded: Vec<f32> = noise
        .as_flattened()
        .as_flattened()
        .iter()
        .map(|&x| x as f32)
        .collect();
    let recorded = RecordedNoise::new(&recorded, [1, noise.len(), TOKENS, WIDTH]).unwrap();
    let beta = 0.3;
    // α of every gate, and how many units share one.
    let forms = [
        (vec![-1.0, 0.5, 2.0, 1.5, -0.3, 0.1], 1),
        (vec![0.7, -0.4], WIDTH),
    ];
    for ((gates, shared), gamma) in forms.iter().flat_map(|form| [(form, 0.0), (form, 0.7)]) {
        for noise_model in [isotropic(), matched()] {
            let objective = Objective {
                batch: Batch::new(&[problem(&noise_model)]).unwrap(),
                readout: &Toy::default(),
                noise: &recorded,
                lanes: Lanes::one(),
                samples: noise.len(),
                gamma,
                sharing: Sharing {
                    gates: WIDTH / shared,
                    width: WIDTH,
                },
            };
            let alpha: Vec<f32> = gates.iter().map(|&alpha| alpha as f32).collect();
            let alpha = Tensor::<1>::from_floats(alpha.as_slice(), &m2ib_cpu::flex());
            let alpha = alpha.reshape([1, TOKENS, WIDTH / shared]);
            let found = objective.evaluate(alpha, 0, beta, true).unwrap();

            let terms = |gates: &[f64]| {
                let unit = |token, feature| gates[(token * WIDTH + feature) / shared];
                let alpha = [0, 1].map(|token| [0, 1, 2].map(|feature| unit(token, feature)));
                terms(&alpha, &noise_model, &noise)
            };
            let [compression, fit, withheld] = terms(gates);
            let mean = f64::from(found.nats.mean().into_scalar::<f32>());
            assert!((mean - compression).abs() < 1e-5, "{mean} {compression}");
            let cosine = f64::from(found.fit.into_scalar::<f32>());
            assert!((cosine - fit).abs() < 1e-6, "{cosine} {fit}");
            assert_eq!(found.withheld_fit.is_some(), gamma > 0.0);
            if let Some(found) = found.withheld_fit {
                let cosine = f64::from(found.into_scalar::<f32>());
                assert!((cosine - withheld).abs() < 1e-6, "{cosine} {withheld}");
            }

            let gradient = values(found.gradient.unwrap()).unwrap();
            assert_eq!(gradient.len(), gates.len());
            let step = 1e-4;
            for (index, found) in gradient.into_iter().enumerate() {
                let at = |change: f64| {
                    let mut gates = gates.clone();
                    gates[index] += change;
                    let [compression, fit, withheld] = terms(&gates);
                    beta * compression - fit + gamma * withheld
                };
                let slope = (at(step) - at(-step)) / (2.0 * step);
                let found = f64::from(found);
                assert!(
                    (found - slope).abs() < 1e-5,
                    "{noise_model:?}, γ {gamma}, gate {index}: {found} {slope}"
                );
            }
        }
    }
}

#[test]
fn capacities_are_the_divergence_at_the_alpha_found() {
    for noise_model in [isotropic(), matched()] {
        let solution = solve_with(settings(), &noise_model, &Toy::default(), 1).unwrap();
        assert_eq!(solution.capacity.dim(), (TOKENS, WIDTH));
        for ((token, feature), &nats) in solution.capacity.indexed_iter() {
            let alpha = f64::from(solution.alpha[[token, feature]]);
            let expected = divergence(alpha, LATENT[token][feature], prior(&noise_model, feature));
            assert!(
                (f64::from(nats) - expected).abs() < 1e-5,
                "{nats} {expected}"
            );
        }
        let total: f32 = solution.capacity.row(1).sum();
        assert!((solution.saliency(Quantity::Nats)[1] - total).abs() < 1e-5);
    }
}

#[test]
fn the_first_update_is_a_learning_rate_against_the_gradients_sign() {
    // Adam's bias corrections leave g/√g² at the first step, so after it every unit has moved by
    // the learning rate.
    let steps = Settings {
        steps: 2,
        learning_rate: 0.25,
        ..settings()
    };
    let solution = solve_with(steps, &matched(), &Toy::default(), 3).unwrap();
    for alpha in solution.alpha {
        let moved = (f64::from(alpha) - Settings::PAPERS_START).abs();
        assert!((moved - 0.25).abs() < 1e-4, "{moved}");
    }
}

#[test]
fn the_map_is_the_capacity_at_the_last_evaluation() {
    let solution = solve_with(settings(), &matched(), &Toy::default(), 2).unwrap();
    let last = solution.trace.last().unwrap();
    let mean = solution.capacity.mean().unwrap();
    assert!((mean - last.compression).abs() < 1e-6, "{mean} {last:?}");
    // Fewer steps are the same way, stopped earlier.
    let shorter = Settings {
        steps: 4,
        ..settings()
    };
    let shorter = solve_with(shorter, &matched(), &Toy::default(), 2).unwrap();
    assert_eq!(shorter.trace, solution.trace[..4]);
}

#[test]
fn the_trace_adds_up_and_is_told_as_it_happens() {
    let noise_model = isotropic();
    let toy = Toy::default();
    let mut told = Vec::new();
    let solution = Bottleneck::new(settings())
        .unwrap()
        .solve(
            &problem(&noise_model),
            &toy,
            &SeededNoise::new(0, 0),
            &mut |step| {
                told.push((toy.reads(), *step));
            },
        )
        .unwrap();
    let (reads, steps): (Vec<_>, Vec<_>) = told.into_iter().unzip();
    assert_eq!(reads, [1, 2, 3, 4, 5, 6]);
    assert_eq!(steps, solution.trace);
    for step in &solution.trace {
        let total = settings().beta.first * f64::from(step.compression) - f64::from(step.fit);
        assert!((total - f64::from(step.total)).abs() < 1e-6, "{step:?}");
        assert!(step.fit.abs() <= 1.0 + 1e-6, "{step:?}");
    }
}
