//! Several problems at once, fits of several kinds, lanes and memory.

use super::*;

/// Problems that differ in everything that problems of a batch may differ in.
fn three() -> Vec<Problem> {
    [(1.0, isotropic()), (-0.5, matched()), (2.0, isotropic())]
        .map(|(factor, noise_model)| Problem {
            latent: latent() * factor,
            noise_model,
            fit: fit(target() * factor + 0.1),
            stream: 0,
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
fn each_stream_has_noise_of_its_own() {
    let (toy, noise) = (Toy::default(), SeededNoise::new(5, 0));
    let bottleneck = Bottleneck::new(settings()).unwrap();
    let on = |stream| Problem {
        stream,
        ..problem(&matched())
    };
    let problems = [on(0), on(1), on(1)];
    let solutions = bottleneck.solve_many(&problems, &toy, &noise, &mut |_, _| {});
    let solutions: Vec<_> = solutions.unwrap().into_iter().map(Result::unwrap).collect();
    for (found, problem) in solutions.iter().zip(&problems) {
        let alone = bottleneck.solve(problem, &toy, &noise, &mut |_| {});
        close(found, &alone.unwrap());
    }
    assert_ne!(solutions[0].capacity, solutions[1].capacity);
    assert_eq!(solutions[1].capacity, solutions[2].capacity);
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
