//! What more `m2ib explain` can be asked than where.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use m2ib::{Against, Ask, EncodedImage, EncodedText, Explainer, Interactions, OnStep, Picture};
use m2ib_methods::{Interacting, Subject, interactions};

#[derive(Debug, Args)]
#[command(next_help_heading = "What more is asked")]
pub(crate) struct AskedArguments {
    /// Why the caption rather than this one? The map then shows what speaks for the caption and not for
    /// this, in two colours, with the other way round beside it. Several are weighed by how well they
    /// fit the image.
    #[arg(long, value_name = "CAPTION")]
    instead_of: Vec<String>,
    /// What the caption is held against where no other is named: "empty", a caption without words, takes
    /// off what any caption would get; "bank", the nearest captions of the bank.
    #[arg(long, value_enum, default_value_t, conflicts_with = "instead_of")]
    baseline: BaselineChoice,
    /// How much the captions that it is held against count, above 0.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    kappa: f64,
    /// Explain by so many seeds, 2 to 1000: the map is their mean, an outline shows what all agree on.
    #[arg(long, value_name = "COUNT")]
    seeds: Option<usize>,
    /// Which word goes with which patch? By "bottleneck", a map for each word; "masks", a regression over
    /// masked images and captions; or "paths", gradients of second order. Settings as methods have
    /// them: masks:images=4000, paths:steps=50.
    #[arg(long, value_name = "WAY", num_args = 0..=1, default_missing_value = "bottleneck",
        value_parser = Interacting::parse)]
    interactions: Option<Interacting>,
}

/// What a caption is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum BaselineChoice {
    /// Nothing.
    #[default]
    None,
    /// The caption that says nothing.
    Empty,
    /// The nearest of the bank.
    Bank,
}

impl AskedArguments {
    /// What is asked, before any work; of another method than M2IB or not.
    pub(crate) fn ask(&self, of_other: bool) -> Result<Ask> {
        let against = match (&self.instead_of[..], self.baseline) {
            ([], BaselineChoice::None) => None,
            ([], BaselineChoice::Empty) => Some(Against::empty()),
            ([], BaselineChoice::Bank) => Some(Against::bank()),
            (captions, _) => Some(Against::captions(captions)),
        };
        ensure!(
            self.kappa > 0.0 && self.kappa <= 100.0,
            "--kappa is {}, expected a number above 0, at most 100",
            self.kappa
        );
        ensure!(
            against.is_some() || self.kappa == 1.0,
            "--kappa {} weighs what the caption is held against, and there is nothing: give --instead-of or --baseline",
            self.kappa
        );
        if let Some(empty) = self.instead_of.iter().find(|it| it.trim().is_empty()) {
            anyhow::bail!(
                "--instead-of is \"{empty}\", expected a caption with words; --baseline empty is held against one without"
            );
        }
        ensure!(
            !(of_other && self.interactions == Some(Interacting::Bottleneck)),
            "--interactions bottleneck is M2IB's own, expected masks or paths beside --method"
        );
        if let Some(seeds) = self.seeds {
            ensure!(
                m2ib::SEEDS.contains(&seeds),
                "--seeds is {seeds}, expected {} to {}: one seed differs from nothing",
                m2ib::SEEDS.start(),
                m2ib::SEEDS.end()
            );
        }
        Ok(Ask {
            against: against.map(|against| against.kappa(self.kappa)),
            seeds: self.seeds,
        })
    }
}

impl AskedArguments {
    /// Steps of the words' maps, where they are asked for.
    pub(crate) fn steps_of_words(&self, explainer: &Explainer, text: &EncodedText) -> u64 {
        match self.interactions {
            Some(Interacting::Bottleneck) => explainer.steps_of_words(text) as u64,
            _ => 0,
        }
    }

    /// Interactions of a pair that M2IB explains, if they are asked for.
    pub(crate) fn interactions_by(
        &self,
        explainer: &Explainer,
        picture: &Picture,
        (image, text): (&EncodedImage, &EncodedText),
        progress: &mut OnStep<'_>,
    ) -> Result<Option<Interactions>> {
        Ok(match &self.interactions {
            None => None,
            Some(Interacting::Bottleneck) => Some(explainer.word_maps_with(image, text, progress)?),
            Some(by) => {
                let caption = &text.caption().text;
                let subject = Subject::new(explainer.model(), picture, caption)?;
                Some(interactions(&subject, by)?)
            }
        })
    }

    /// The same of a pair that another method explains.
    pub(crate) fn interactions_of(&self, subject: &Subject<'_>) -> Result<Option<Interactions>> {
        let by = self.interactions.as_ref();
        Ok(by.map(|by| interactions(subject, by)).transpose()?)
    }
}

/// By how much more there is to do: how many explanations are made of each side.
pub(crate) fn rounds(ask: &Ask) -> u64 {
    let ways = 1 + u64::from(ask.against.is_some());
    ways * ask.seeds.unwrap_or(1) as u64
}
