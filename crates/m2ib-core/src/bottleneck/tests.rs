//! The optimisation against its own mathematics, on a readout small enough to be worked out in
//! f64: embedding = Σ over tokens of tanh(z) W.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{Cosine, Error, Fit, Gates, NoiseModel, Quantity, RecordedNoise, SeededNoise};

const TOKENS: usize = 2;
const WIDTH: usize = 3;
const EMBEDDING: usize = 2;
const WEIGHTS: [[f64; EMBEDDING]; WIDTH] = [[0.7, -0.4], [0.2, 0.9], [-0.5, 0.3]];
const LATENT: [[f64; WIDTH]; TOKENS] = [[0.8, -1.2, 0.4], [0.3, 1.5, -0.9]];
const TARGET: [f64; EMBEDDING] = [1.0, 0.4];

fn tensor<const R: usize, const C: usize>(rows: [[f64; C]; R]) -> Tensor<2> {
    Tensor::from_floats(
        rows.map(|row| row.map(|value| value as f32)),
        &m2ib_cpu::flex(),
    )
}

fn latent() -> Tensor<3> {
    tensor(LATENT).unsqueeze()
}

fn target() -> Tensor<2> {
    tensor([TARGET])
}

fn fit(target: Tensor<2>) -> Arc<dyn Fit> {
    Arc::new(Cosine::new(target))
}

/// The readout, which counts how often it is read.
#[derive(Default)]
struct Toy {
    reads: AtomicUsize,
}

impl Readout for Toy {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let pooled = latent.tanh().sum_dim(1).squeeze_dim::<2>(1);
        pooled.matmul(tensor(WEIGHTS))
    }
}

impl Toy {
    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

/// A readout that breaks at one of its reads.
struct BreaksAt {
    read: usize,
    toy: Toy,
}

impl Readout for BreaksAt {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        let embedding = self.toy.read(latent);
        if self.toy.reads() == self.read {
            embedding * f32::NAN
        } else {
            embedding
        }
    }
}

fn isotropic() -> NoiseModel {
    NoiseModel::Isotropic(0.8)
}

fn matched() -> NoiseModel {
    NoiseModel::Matched {
        mean: vec![0.2, -0.1, 0.5],
        std: vec![0.6, 1.3, 0.9],
    }
}

fn settings() -> Settings {
    Settings {
        beta: 0.3.into(),
        steps: 6,
        samples: 4,
        ..Settings::default()
    }
}

fn two_sided() -> Settings {
    Settings {
        gamma: 0.7,
        gates: Gates::TOKEN,
        start: 2.0,
        ..settings()
    }
}

fn problem(noise_model: &NoiseModel) -> Problem {
    Problem {
        latent: latent(),
        noise_model: noise_model.clone(),
        fit: fit(target()),
    }
}

fn solve_with(
    settings: Settings,
    noise_model: &NoiseModel,
    readout: &dyn Readout,
    seed: u64,
) -> Result<Solution> {
    let noise = SeededNoise::new(seed, 0);
    Bottleneck::new(settings)?.solve(&problem(noise_model), readout, &noise, &mut |_| {})
}

/// Mean and deviation of a feature's noise.
fn prior(noise_model: &NoiseModel, feature: usize) -> (f64, f64) {
    match noise_model {
        NoiseModel::Isotropic(sigma) => (0.0, f64::from(*sigma)),
        NoiseModel::Matched { mean, std } => (f64::from(mean[feature]), f64::from(std[feature])),
    }
}

fn sigmoid64(x: f64) -> f64 {
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
fn few_gates_and_two_sides_report_what_they_found() {
    let solution = solve_with(two_sided(), &matched(), &Toy::default(), 1).unwrap();
    assert_eq!(solution.alpha.dim(), (TOKENS, 1));
    assert_eq!(solution.capacity.dim(), (TOKENS, WIDTH));
    let Settings { beta, gamma, .. } = two_sided();
    for step in &solution.trace {
        let withheld = f64::from(step.withheld_fit.expect("two sides were read"));
        let total = beta.first * f64::from(step.compression) - f64::from(step.fit);
        assert!((f64::from(step.total) - total - gamma * withheld).abs() < 1e-6);
    }
    for token in 0..TOKENS {
        let lambda = sigmoid64(f64::from(solution.alpha[[token, 0]]));
        assert!((f64::from(solution.share[token]) - lambda).abs() < 1e-6);
    }
    assert_eq!(solution.saliency(Quantity::Share), solution.share);
    // Averaged over the runs that stop earlier, which go the same way.
    let mut mean = [0.0; TOKENS];
    for steps in 2..=two_sided().steps {
        let shorter = Settings {
            steps,
            ..two_sided()
        };
        let shorter = solve_with(shorter, &matched(), &Toy::default(), 1).unwrap();
        for (mean, share) in mean.iter_mut().zip(shorter.share) {
            *mean += share / (two_sided().steps - 1) as f32;
        }
    }
    for (found, mean) in solution.saliency(Quantity::MeanShare).iter().zip(mean) {
        assert!((found - mean).abs() < 1e-6, "{found} {mean}");
    }
}

#[test]
fn with_one_side_and_a_gate_a_unit_the_new_settings_change_no_bit() {
    // A path that stands still is a number, and so many groups as features are a gate a unit.
    let paper = solve_with(settings(), &matched(), &Toy::default(), 4).unwrap();
    assert!(paper.trace.iter().all(|step| step.withheld_fit.is_none()));
    let said = Settings {
        gates: WIDTH.to_string().parse().unwrap(),
        beta: "0.3..0.3".parse().unwrap(),
        ..settings()
    };
    assert_eq!(
        solve_with(said, &matched(), &Toy::default(), 4).unwrap(),
        paper
    );
}

#[test]
fn a_path_of_beta_is_followed() {
    let path = Settings {
        beta: "0.01..100".parse().unwrap(),
        ..settings()
    };
    let solution = solve_with(path, &matched(), &Toy::default(), 1).unwrap();
    for (index, step) in solution.trace.iter().enumerate() {
        let beta = path.beta.at(index, path.steps);
        let total = beta * f64::from(step.compression) - f64::from(step.fit);
        assert!((f64::from(step.total) - total).abs() < 1e-5 * (1.0 + total.abs()));
    }
}

#[test]
fn gates_that_do_not_divide_the_features_are_refused() {
    let gates = Settings {
        gates: "2".parse().unwrap(),
        ..settings()
    };
    let found = solve_with(gates, &matched(), &Toy::default(), 0);
    let (groups, width) = (2, WIDTH);
    assert_eq!(found, Err(Error::Gates { groups, width }));
    assert!(Bottleneck::new(gates).unwrap().check_width(4).is_ok());
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
fn so_many_steps_are_so_many_evaluations_and_one_update_fewer() {
    for steps in [1, 2, 7] {
        let toy = Toy::default();
        let solution = solve_with(
            Settings {
                steps,
                ..settings()
            },
            &isotropic(),
            &toy,
            0,
        )
        .unwrap();
        assert_eq!(toy.reads(), steps);
        assert_eq!(solution.trace.len(), steps);
        let initial = solution
            .alpha
            .iter()
            .all(|&alpha| alpha == Settings::PAPERS_START as f32);
        assert_eq!(initial, steps == 1, "{:?}", solution.alpha);
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

#[test]
fn a_number_that_is_not_finite_is_named_with_its_step() {
    for read in [1, 3, 6] {
        let readout = BreaksAt {
            read,
            toy: Toy::default(),
        };
        let error = solve_with(settings(), &isotropic(), &readout, 0).unwrap_err();
        let (what, step) = ("fit", read);
        assert_eq!(error, Error::NotFinite { what, step });
        assert!(
            error.to_string().contains(&format!("step {read}")),
            "{error}"
        );
    }
}

#[test]
fn inputs_that_are_not_finite_are_refused_before_the_first_step() {
    let noise_model = isotropic();
    let toy = Toy::default();
    for (what, latent, target) in [
        ("latent", latent() * f32::INFINITY, target()),
        ("target embedding", latent(), target() * f32::NAN),
    ] {
        let problem = Problem {
            latent,
            noise_model: noise_model.clone(),
            fit: fit(target),
        };
        let noise = SeededNoise::new(0, 0);
        let bottleneck = Bottleneck::new(settings()).unwrap();
        let found = bottleneck.solve(&problem, &toy, &noise, &mut |_| {});
        assert_eq!(found, Err(Error::NotFinite { what, step: 0 }));
    }
    assert_eq!(toy.reads(), 0);
}

#[test]
fn extreme_settings_end_in_an_error_or_in_finite_numbers() {
    for (beta, learning_rate, steps) in [
        (1e300, 1.0, 1),
        (1e300, 1.0, 3),
        (1e-300, 1.0, 3),
        (0.1, 1e300, 3),
        (0.1, 1e30, 3),
        (0.1, 1e-300, 3),
    ] {
        let extreme = Settings {
            beta: f64::into(beta),
            learning_rate,
            steps,
            samples: 2,
            ..settings()
        };
        match solve_with(extreme, &matched(), &Toy::default(), 0) {
            Ok(solution) => {
                let trace = solution
                    .trace
                    .iter()
                    .flat_map(|step| [step.compression, step.fit, step.total]);
                let numbers = solution.capacity.iter().chain(&solution.alpha).copied();
                assert!(numbers.chain(trace).all(f32::is_finite), "{solution:?}");
            }
            Err(error) => assert!(matches!(error, Error::NotFinite { .. }), "{error}"),
        }
    }
    let beta = Settings {
        beta: 1e300.into(),
        steps: 1,
        ..settings()
    };
    assert!(solve_with(beta, &isotropic(), &Toy::default(), 0).is_err());
}

#[test]
fn where_a_nat_costs_too_much_nothing_passes() {
    let costly = Settings {
        beta: 1e4.into(),
        steps: 40,
        ..settings()
    };
    let free = Settings {
        beta: 1e-4.into(),
        ..costly
    };
    let nats = |settings| {
        let solution = solve_with(settings, &matched(), &Toy::default(), 0).unwrap();
        solution.capacity.sum()
    };
    let (costly, free) = (nats(costly), nats(free));
    assert!(costly < 1e-2, "{costly}");
    assert!(free > 1.0, "{free}");
}

#[test]
fn the_seed_decides_every_bit() {
    let solve = |seed| solve_with(settings(), &matched(), &Toy::default(), seed).unwrap();
    assert_eq!(solve(7), solve(7));
    assert_ne!(solve(7), solve(8));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for bad in [f64::NAN, f64::INFINITY, 0.0, -0.1] {
        let beta = Settings {
            beta: bad.into(),
            ..settings()
        };
        let learning_rate = Settings {
            learning_rate: bad,
            ..settings()
        };
        for (name, settings) in [("beta", beta), ("learning rate", learning_rate)] {
            let error = Bottleneck::new(settings).unwrap_err().to_string();
            let expected = format!("{name} is {bad}, expected a positive, finite number");
            assert_eq!(error, expected);
        }
    }
    for bad in [f64::NAN, f64::INFINITY, -0.1] {
        let gamma = Settings {
            gamma: bad,
            ..settings()
        };
        let error = Bottleneck::new(gamma).unwrap_err().to_string();
        let expected = format!("gamma is {bad}, expected a finite number, 0 or above");
        assert_eq!(error, expected);
    }
    for bad in [f64::NAN, 21.0, -1e9] {
        let start = Settings {
            start: bad,
            ..settings()
        };
        let error = Bottleneck::new(start).unwrap_err().to_string();
        let expected = format!("start is {bad}, expected a number from -20 to 20");
        assert_eq!(error, expected);
    }
    let steps = Settings {
        steps: 0,
        ..settings()
    };
    let samples = Settings {
        samples: 0,
        ..settings()
    };
    for (name, settings) in [("steps", steps), ("samples", samples)] {
        let error = Bottleneck::new(settings).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{name} is 0, expected at least 1, at most 100000")
        );
    }
}

/// A source whose draws are one value short.
struct Short;

impl NoiseSource for Short {
    fn draw(&self, _: usize, _: Range<usize>, shape: [usize; 3]) -> Result<Vec<f32>> {
        Ok(vec![0.0; shape.iter().product::<usize>() - 1])
    }
}

#[test]
fn what_does_not_fit_together_is_refused_with_both_shapes() {
    let device = m2ib_cpu::flex();
    let (noise_model, toy) = (isotropic(), Toy::default());
    let narrow = NoiseModel::Matched {
        mean: vec![0.0; 2],
        std: vec![1.0; 2],
    };
    let problem = || problem(&noise_model);
    let batch = Problem {
        latent: Tensor::zeros([2, TOKENS, WIDTH], &device),
        ..problem()
    };
    let empty = Problem {
        latent: Tensor::zeros([1, 0, WIDTH], &device),
        ..problem()
    };
    let targets = Problem {
        fit: fit(Tensor::zeros([3, EMBEDDING], &device)),
        ..problem()
    };
    let wide = Problem {
        fit: fit(Tensor::ones([1, EMBEDDING + 1], &device)),
        ..problem()
    };
    let statistics = Problem {
        noise_model: narrow,
        ..problem()
    };
    let shape = |what, found: &[usize], expected: &[usize]| Error::Shape {
        what,
        found: found.into(),
        expected: expected.into(),
    };
    let bottleneck = Bottleneck::new(settings()).unwrap();
    let seeded = SeededNoise::new(0, 0);
    for (problem, error) in [
        (batch, shape("latent", &[2, 2, 3], &[1, 2, 3])),
        (empty, shape("latent", &[1, 0, 3], &[1, 1, 3])),
        (targets, shape("target", &[3, 2], &[1, 2])),
        (wide, shape("target", &[1, 3], &[1, 2])),
        (statistics, shape("noise mean", &[2], &[3])),
    ] {
        let found = bottleneck.solve(&problem, &toy, &seeded, &mut |_| {});
        assert_eq!(found, Err(error));
    }
    let found = bottleneck.solve(&problem(), &toy, &Short, &mut |_| {});
    assert_eq!(found, Err(shape("noise", &[23], &[4, 2, 3])));
    let recorded = RecordedNoise::new(&[0.0; 24], [1, 4, 2, 3]).unwrap();
    let found = bottleneck.solve(&problem(), &toy, &recorded, &mut |_| {});
    let (recorded, wanted) = (1, 2);
    assert_eq!(found, Err(Error::NoiseExhausted { recorded, wanted }));
}

/// Problems that differ in everything that problems of a batch may differ in.
fn three() -> Vec<Problem> {
    [(1.0, isotropic()), (-0.5, matched()), (2.0, isotropic())]
        .map(|(factor, noise_model)| Problem {
            latent: latent() * factor,
            noise_model,
            fit: fit(target() * factor + 0.1),
        })
        .into()
}

fn close(found: &Solution, expected: &Solution) {
    let pairs = found.capacity.iter().zip(&expected.capacity);
    for (found, expected) in pairs {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
    assert_eq!(found.trace.len(), expected.trace.len());
}

#[test]
fn in_a_batch_each_problem_is_solved_as_it_would_be_alone() {
    let (toy, noise) = (Toy::default(), SeededNoise::new(5, 0));
    let bottleneck = Bottleneck::new(settings()).unwrap();
    let mut told = [0; 3];
    let together = bottleneck
        .solve_many(&three(), &toy, &noise, &mut |problem, _| told[problem] += 1)
        .unwrap();
    assert_eq!(told, [6; 3]);
    for (problem, found) in three().iter().zip(together) {
        let alone = bottleneck
            .solve(problem, &toy, &noise, &mut |_| {})
            .unwrap();
        close(&found.unwrap(), &alone);
    }
}

/// A cosine with one embedding minus that with another, its gradient traced.
#[derive(Debug)]
struct Rather {
    this: Cosine,
    than: Cosine,
}

impl Fit for Rather {
    fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
        Ok(self.this.value(embedding.clone())? - self.than.value(embedding)?)
    }

    fn describe(&self) -> String {
        "one cosine minus another".into()
    }
}

fn rather(than: [f64; EMBEDDING]) -> Arc<dyn Fit> {
    let [this, than] = [TARGET, than].map(|target| Cosine::new(tensor([target])));
    Arc::new(Rather { this, than })
}

#[test]
fn fits_of_several_kinds_share_a_batch_and_keep_to_their_own_problems() {
    let (toy, noise) = (Toy::default(), SeededNoise::new(5, 0));
    let bottleneck = Bottleneck::new(settings()).unwrap();
    let mut problems = three();
    problems[1].fit = rather([-0.2, 1.0]);
    problems[2].fit = rather([0.9, 0.5]);
    let together = bottleneck
        .solve_many(&problems, &toy, &noise, &mut |_, _| {})
        .unwrap();
    for (problem, found) in problems.iter().zip(together) {
        let alone = bottleneck
            .solve(problem, &toy, &noise, &mut |_| {})
            .unwrap();
        close(&found.unwrap(), &alone);
    }
}

#[test]
fn what_is_wanted_is_what_is_held_up() {
    let rather = Problem {
        fit: rather([1.0, 0.4]),
        ..problem(&matched())
    };
    // A target rather than itself: there is nothing to hold up, and all is given away.
    let noise = SeededNoise::new(5, 0);
    let long = Settings {
        steps: 30,
        ..settings()
    };
    let bottleneck = Bottleneck::new(long).unwrap();
    let solve = |problem: &Problem| {
        bottleneck
            .solve(problem, &Toy::default(), &noise, &mut |_| {})
            .unwrap()
    };
    let (found, plain) = (solve(&rather), solve(&problem(&matched())));
    assert!(found.trace.iter().all(|step| step.fit == 0.0));
    assert!(found.capacity.sum() < 0.5 * plain.capacity.sum());
}

/// Breaks where a latent is near the second problem's.
struct BreaksForNegative(Toy);

impl Readout for BreaksForNegative {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        let first = latent.clone().slice([0..latent.dims()[0], 0..1, 0..1]);
        let broken = first
            .lower_elem(0.0)
            .squeeze_dim::<2>(1)
            .expand([latent.dims()[0], EMBEDDING]);
        self.0.read(latent).mask_fill(broken, f32::NAN)
    }
}

#[test]
fn a_problem_that_breaks_leaves_the_others_of_its_batch_alone() {
    // Slow enough that the first unit keeps its sign, by which the readout knows its problem.
    let slow = Settings {
        learning_rate: 0.01,
        ..settings()
    };
    let bottleneck = Bottleneck::new(slow).unwrap();
    let (breaks, noise) = (BreaksForNegative(Toy::default()), SeededNoise::new(5, 0));
    let mut told = [0; 3];
    let found = bottleneck
        .solve_many(&three(), &breaks, &noise, &mut |problem, _| {
            told[problem] += 1
        })
        .unwrap();
    let (what, step) = ("fit", 1);
    assert_eq!(found[1], Err(Error::NotFinite { what, step }));
    assert_eq!(told, [6, 0, 6]);
    for index in [0, 2] {
        let toy = Toy::default();
        let alone = bottleneck.solve(&three()[index], &toy, &noise, &mut |_| {});
        close(found[index].as_ref().unwrap(), &alone.unwrap());
    }
}

#[test]
fn lanes_change_nothing_but_the_order_of_sums() {
    let (noise_model, toy, noise) = (matched(), Toy::default(), SeededNoise::new(5, 0));
    let solve = |lanes: Lanes| {
        let bottleneck = Bottleneck::new(settings()).unwrap().with_lanes(lanes);
        bottleneck
            .solve(&problem(&noise_model), &toy, &noise, &mut |_| {})
            .unwrap()
    };
    let alone = solve(Lanes::one());
    for lanes in [2, 3, 9] {
        close(&solve(Lanes::new(lanes, lanes).unwrap()), &alone);
    }
}

/// A readout that refuses more rows at once than a batch may have.
struct Narrow(Toy);

impl Readout for Narrow {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        let [batch, tokens, _] = latent.dims();
        assert!(batch * tokens <= crate::BATCH_ROWS);
        self.0.read(latent)
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_samples() {
    let samples = 2 * crate::BATCH_ROWS;
    let many = |steps| Settings {
        samples,
        steps,
        ..settings()
    };
    let narrow = Narrow(Toy::default());
    let found = solve_with(many(2), &matched(), &narrow, 5).unwrap();
    // Both steps are cut in as few parts as will do.
    assert_eq!(narrow.0.reads(), 2 * samples * TOKENS / crate::BATCH_ROWS);
    // So many samples leave little to chance.
    let other = solve_with(many(2), &matched(), &narrow, 6).unwrap();
    for (found, other) in found.trace.iter().zip(&other.trace) {
        assert!((found.fit - other.fit).abs() < 0.01);
    }
}
