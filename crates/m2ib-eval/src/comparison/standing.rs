//! Which method is best, and what is told from it.

use m2ib_metrics::Metric;

use super::Comparison;

/// How a method stands among the others of its metric, pair by pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The best of several methods.
    Best,
    /// Not told from the best.
    Level,
    /// A control that is better than the best method: the metric does not tell what it is asked.
    Ahead,
    /// Worse, or nobody knows.
    Other,
}

impl Standing {
    /// What is written behind a mean.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Level => " ≈",
            Self::Ahead => " †",
            Self::Best | Self::Other => "",
        }
    }
}

impl Comparison {
    /// How a method, by its place, stands by a metric.
    pub(super) fn standing(&self, place: usize, metric: Metric) -> Standing {
        let Some(paired) = self.paired.get(&metric) else {
            return Standing::Other;
        };
        let compared = paired.stands.iter().zip(&self.methods);
        let methods = compared.filter(|(stand, column)| stand.is_some() && !column.control);
        let Some(stand) = paired.stands.get(place).copied().flatten() else {
            return Standing::Other;
        };
        let control = self.methods[place].control;
        match (stand.is_better(), stand.is_worse()) {
            (Some(true), _) => Standing::Ahead,
            (_, Some(false)) if control => Standing::Level,
            // The best of one is no news.
            _ if methods.count() < 2 => Standing::Other,
            (_, Some(false)) if paired.best == place || stand.behind.ends() == [0.0; 2] => {
                Standing::Best
            }
            (_, Some(false)) => Standing::Level,
            _ => Standing::Other,
        }
    }

    /// What the marks of a table mean, as far as they are there.
    pub(super) fn legend(&self) -> Vec<&'static str> {
        let places = 0..self.methods.len();
        let standings = places.flat_map(|place| {
            let metrics = self.methods[place].summaries.keys();
            metrics.map(move |&metric| self.standing(place, metric))
        });
        let standings: Vec<Standing> = standings.collect();
        let known = [
            (Standing::Best, "Bold: the best method, pair by pair."),
            (
                Standing::Level,
                "≈ Not distinguishable from the best method: the interval of the difference, pair by pair, holds 0.",
            ),
            (
                Standing::Ahead,
                "† A control, which knows nothing of the pair, is better than every method.",
            ),
        ];
        let there = known
            .into_iter()
            .filter(|(standing, _)| standings.contains(standing));
        there.map(|(_, words)| words).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use m2ib_methods::Registry;
    use m2ib_metrics::{Groups, Paired, Summary};

    use super::*;
    use crate::comparison::Column;

    /// Methods with their values of deletion, of which less is better, pair by pair.
    pub(in crate::comparison) fn comparison(
        methods: &[(&str, &[Option<f64>])],
        pictures: &[usize],
    ) -> Comparison {
        let metric = Metric::ImageDeletion;
        let groups = Groups::of_pictures(pictures.iter().copied());
        let columns = methods.iter().map(|(method, values)| Column {
            method: (*method).into(),
            control: Registry::standard().parse(method).unwrap().is_control(),
            summaries: [(metric, Summary::of(values, &groups, 0))].into(),
            explained: values.iter().flatten().count(),
            pairs_a_second: 1.0,
            failed: Vec::new(),
        });
        let columns: Vec<Column> = columns.collect();
        let values: Vec<_> = methods.iter().map(|(_, values)| values.to_vec()).collect();
        let is_method = |place: usize| !columns[place].control;
        let paired = Paired::of(&values, is_method, &groups, metric.direction(), 0);
        let mut comparison = Comparison {
            data: "by hand".into(),
            model: "none".into(),
            pairs: pictures.len(),
            pictures: groups.pictures(),
            unread: Vec::new(),
            notes: Vec::new(),
            methods: columns,
            paired: paired.map(|paired| (metric, paired)).into_iter().collect(),
            roar: None,
        };
        comparison.notes = comparison.about_counts();
        comparison
    }

    fn standings(comparison: &Comparison) -> Vec<Standing> {
        let places = 0..comparison.methods.len();
        let standings = places.map(|place| comparison.standing(place, Metric::ImageDeletion));
        standings.collect()
    }

    const PICTURES: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

    /// Pairs that differ among each other more than methods do.
    fn about(mean: f64) -> [Option<f64>; 8] {
        PICTURES.map(|pair| Some(mean + pair as f64))
    }

    #[test]
    fn a_control_is_never_best_but_said_to_be_ahead() {
        let of = |control: f64| {
            let [saliency, nib, control] = [about(0.3), about(0.2), about(control)];
            let methods = [
                ("saliency", &saliency[..]),
                ("nib", &nib),
                ("random", &control),
            ];
            standings(&comparison(&methods, &PICTURES))
        };
        use Standing::{Ahead, Best, Level, Other};
        assert_eq!(of(0.1), [Other, Best, Ahead]);
        assert_eq!(of(0.2), [Other, Best, Level]);
        assert_eq!(of(0.25), [Other, Best, Other]);
        // Among controls alone there is nothing to be ahead of, and the best of one is no news.
        let control = about(0.1);
        let alone = comparison(&[("random", &control[..])], &PICTURES);
        assert_eq!(standings(&alone), [Other]);
        let one = about(0.0);
        let one = comparison(&[("nib", &one[..]), ("random", &control)], &PICTURES);
        assert_eq!(standings(&one), [Other, Other]);
    }

    #[test]
    fn what_differs_by_chance_is_not_told_apart() {
        let (even, odd) = (
            about(0.2),
            PICTURES.map(|pair| Some(if pair % 2 == 0 { 0.0 } else { 0.41 } + pair as f64)),
        );
        let methods = [("saliency", &even[..]), ("nib", &odd)];
        assert_eq!(
            standings(&comparison(&methods, &PICTURES)),
            [Standing::Best, Standing::Level]
        );
        // One picture, however many captions: nothing is told.
        let one = comparison(&methods, &[5; 8]);
        assert_eq!(standings(&one), [Standing::Other; 2]);
        assert!(one.notes[0].contains("one picture"), "{:?}", one.notes);
        assert!(one.methods.iter().all(|c| {
            c.summaries[&Metric::ImageDeletion]
                .value
                .unwrap()
                .interval
                .is_none()
        }));
    }

    /// The one that failed on the hard pairs has the better mean, and is worse on each pair.
    #[test]
    fn a_method_is_not_best_for_failing_where_it_is_hard() {
        let whole = about(0.0);
        let mut failed = about(0.1);
        failed[5..].fill(None);
        let of = comparison(&[("saliency", &whole[..]), ("nib", &failed)], &PICTURES);
        let mean = |place: usize| {
            of.methods[place].summaries[&Metric::ImageDeletion]
                .value
                .unwrap()
                .mean
        };
        assert!(mean(1) < mean(0));
        assert_eq!(standings(&of), [Standing::Best, Standing::Other]);
        assert_eq!(of.count(Metric::ImageDeletion), None);
        assert_eq!(of.own_count(&of.methods[1], Metric::ImageDeletion), Some(5));
        assert!(
            of.notes.iter().any(|note| note.contains("different pairs")),
            "{:?}",
            of.notes
        );
    }
}
