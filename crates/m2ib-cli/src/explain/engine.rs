//! What explains pairs, one after the other.

use std::cell::Cell;
use std::ops::ControlFlow;

use anyhow::Result;
use m2ib::{
    Ask, Attribution, Calibration, DualEncoder, EncodedImage, Explainer, Modality, Picture,
    Progress,
};
use m2ib_methods::{Method, Subject};

use crate::asked::{AskedArguments, rounds};
use crate::meter::{Cost, Meter};

/// What explains: made once, whatever the number of pairs.
pub(super) struct Engine<'a> {
    pub(super) asked: &'a AskedArguments,
    pub(super) by: By,
    /// Those that noise is matched by, if there are any.
    pub(super) statistics: Option<Calibration>,
}

/// By what.
pub(super) enum By {
    M2ib(Box<Explainer>),
    Method(Box<DualEncoder>, Box<dyn Method>),
}

impl Engine<'_> {
    /// Each caption with its explanation, as they are asked for.
    pub(super) fn each<'a>(
        &'a self,
        picture: &'a Picture,
        captions: &'a [String],
    ) -> impl Iterator<Item = (&'a String, Result<Attribution>)> {
        let mut encoded = None;
        captions.iter().map(move |caption| {
            let attribution = match &self.by {
                By::M2ib(explainer) => match &encoded {
                    Some(encoded) => self.by_m2ib(explainer, (picture, encoded), caption),
                    None => explainer
                        .encode_image(picture)
                        .map_err(Into::into)
                        .and_then(|found| {
                            self.by_m2ib(explainer, (picture, encoded.insert(found)), caption)
                        }),
                },
                By::Method(model, method) => self.by_other(model, &**method, picture, caption),
            };
            (caption, attribution)
        })
    }

    /// By a method of the registry.
    fn by_other(
        &self,
        model: &DualEncoder,
        method: &dyn Method,
        picture: &Picture,
        caption: &str,
    ) -> Result<Attribution> {
        let bar = Meter::styled(1, "explanations", "{msg}")?;
        bar.set_message(method.factory().key());
        let subject = Subject::new(model, picture, caption)?;
        let ask = self.asked.ask(true)?;
        let attribution = match ask == Ask::default() {
            true => method.attribute(&subject),
            false => m2ib_methods::ask(method.factory(), self.statistics.as_ref(), &subject, &ask),
        };
        let interactions = self.asked.interactions_of(&subject);
        bar.finish();
        let mut attribution = attribution?;
        attribution.asked.interactions = interactions?;
        Ok(attribution)
    }

    fn by_m2ib(
        &self,
        explainer: &Explainer,
        (picture, image): (&Picture, &EncodedImage),
        caption: &str,
    ) -> Result<Attribution> {
        let text = explainer.encode_text(caption)?;
        let steps = |modality| explainer.settings(modality).bottleneck.steps as u64;
        let ask = self.asked.ask(false)?;
        let of_words = self.asked.steps_of_words(explainer, &text);
        let steps = rounds(&ask) * (steps(Modality::Image) + steps(Modality::Text)) + of_words;
        let template = "{msg:5} {bar:32} {pos}/{len} steps, {eta} left";
        let bar = Meter::styled(steps, "steps", template)?;
        let mut on_step = |progress: Progress| {
            bar.set_message(progress.modality);
            bar.inc(1);
            ControlFlow::Continue(())
        };
        let attribution = explainer.ask(image, &text, &ask, &mut on_step);
        let interactions =
            self.asked
                .interactions_by(explainer, picture, (image, &text), &mut on_step);
        bar.finish();
        let mut attribution = attribution?;
        attribution.asked.interactions = interactions?;
        Ok(attribution)
    }
}

/// How far many pairs are, where nobody sees the bar that each of them has.
pub(super) struct ManyPairs {
    of: u64,
    meter: Meter,
    cost: Cost,
    done: Cell<u64>,
}

impl ManyPairs {
    pub(super) fn new(of: usize) -> Result<Self> {
        let of = of as u64;
        Ok(Self {
            of,
            meter: Meter::in_lines(of, "pairs")?,
            cost: Cost::new(format_args!("{of} pairs to explain"), "pair", 1),
            done: Cell::new(0),
        })
    }

    /// So many more are done.
    pub(super) fn done(&self, pairs: usize) {
        let done = self.done.get() + pairs as u64;
        self.done.set(done);
        self.meter.set_position(done);
        self.cost.done(done, self.of);
    }
}
