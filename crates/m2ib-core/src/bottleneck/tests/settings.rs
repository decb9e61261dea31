//! What each setting does.

use super::closed_form::sigmoid64;
use super::*;

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
