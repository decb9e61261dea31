//! What is refused, and what it says.

use super::*;

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
            stream: 0,
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
            let expected = format!("{name} is {bad}, expected a finite number above 0");
            assert!(error.starts_with(&expected), "{error}");
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
            format!("{name} is 0, expected a whole number, 1 to 100000")
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
    assert_eq!(found, Err(shape("noise", &[23], &[1, 4, 2, 3])));
    let recorded = RecordedNoise::new(&[0.0; 24], [1, 4, 2, 3]).unwrap();
    let found = bottleneck.solve(&problem(), &toy, &recorded, &mut |_| {});
    let (recorded, wanted) = (1, 2);
    assert_eq!(found, Err(Error::NoiseExhausted { recorded, wanted }));
}

/// Noise until a step, where the device is lost.
struct LostAt(usize);

impl NoiseSource for LostAt {
    fn draw(&self, step: usize, samples: Range<usize>, shape: [usize; 3]) -> Result<Vec<f32>> {
        match step < self.0 {
            true => SeededNoise::new(0, 0).draw(step, samples, shape),
            false => Err(lost()),
        }
    }
}

fn lost() -> Error {
    let reason = "the device is lost".into();
    Error::Device { reason }
}

#[test]
fn a_device_that_is_lost_midway_is_an_error_on_one_lane_and_on_several() {
    for lanes in [Lanes::one(), Lanes::new(2, 2).unwrap()] {
        let bottleneck = Bottleneck::new(settings()).unwrap().with_lanes(lanes);
        let (problem, toy) = (problem(&isotropic()), Toy::default());
        let found = bottleneck.solve(&problem, &toy, &LostAt(3), &mut |_| {});
        assert_eq!(found.unwrap_err(), lost(), "{lanes:?}");
        assert!(toy.reads() >= 3, "{}", toy.reads());
    }
}
