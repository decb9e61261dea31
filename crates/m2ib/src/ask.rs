//! Asking a pair more than where.

use std::sync::Arc;

use clip_input::Pictured;
use m2ib_core::Fit;

use crate::progress::{OnStep, unwatched};
use crate::solving::Tell;
use crate::{
    Against, Attribution, EncodedImage, EncodedText, Explainer, Fits, ImageAttribution, Result,
    Reverse, Rivalry, TextAttribution,
};

/// What more is asked of a pair than where; nothing, unless it is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ask {
    /// Why this caption rather than others?
    pub against: Option<Against>,
    /// How sure is it? By so many seeds, the explainer's own the first.
    pub seeds: Option<usize>,
}

impl Explainer {
    /// Explains why a caption fits an image better than its rivals do: the map shows the patches that
    /// speak for it and not for them, the words are those that make the difference, and
    /// [`Contrast`](crate::Contrast) has the other way round.
    ///
    /// ```
    /// # use m2ib::{Explainer, emoji};
    /// # let explainer = Explainer::emoji()?;
    /// # let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
    /// let rivals = ["a photo of a money bag"];
    /// let attribution = explainer.attribute_against(&image, "a photo of a piano", &rivals)?;
    /// let contrast = attribution.asked.contrast.as_ref().unwrap();
    /// assert_eq!(contrast.rivals[0].caption, rivals[0]);
    /// // Above 0 what speaks for the piano, below 0 what speaks for the money bag.
    /// let map = contrast.signed(&attribution.image);
    /// assert!(map.iter().any(|&x| x > 0.1) && map.iter().any(|&x| x < -0.1));
    /// # Ok::<(), m2ib::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Against`](crate::Error::Against) for no rivals, or one that is the caption itself,
    /// [`Error::Model`](crate::Error::Model) for captions without words; as
    /// [`attribute`](Self::attribute).
    pub fn attribute_against(
        &self,
        image: &impl Pictured,
        text: &str,
        rivals: &[impl AsRef<str>],
    ) -> Result<Attribution> {
        let rivals = rivals.iter().map(AsRef::as_ref);
        let against = Some(Against::captions(rivals));
        let text = self.encode_text(text)?;
        let image = self.encode_image(image)?;
        let ask = Ask {
            against,
            seeds: None,
        };
        self.ask(&image, &text, &ask, &mut unwatched)
    }

    /// Explains an encoded pair and answers what more is asked; tells of every step, and the answer is whether
    /// to go on.
    ///
    /// # Errors
    /// [`Error::Against`](crate::Error::Against) for rivals, and [`Error::Seeds`](crate::Error::Seeds)
    /// for a number of seeds, that make no sense; as
    /// [`attribute_encoded`](Self::attribute_encoded).
    pub fn ask(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        ask: &Ask,
        progress: &mut OnStep<'_>,
    ) -> Result<Attribution> {
        self.watched(progress, |told| self.asked(image, text, ask, told))
    }

    fn asked(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        ask: &Ask,
        progress: &mut Tell<'_>,
    ) -> Result<Attribution> {
        let Some(against) = &ask.against else {
            let fits = Fits::of_pair(&image.embedding, &text.embedding);
            return self.by_seeds(image, text, &fits, ask.seeds, progress);
        };
        self.check_image(image)?;
        self.check_text(text)?;
        let rivalry = Rivalry::of(
            &self.model,
            &image.embedding,
            (&text.caption, &text.embedding),
            against,
        )?;
        let fits = rivalry.fits()?;
        let mut attribution = self.by_seeds(image, text, &fits, ask.seeds, progress)?;
        let reverse = rivalry.reverse()?;
        let of_image = self.image_by_seeds(image, reverse.image.clone(), ask.seeds, progress)?;
        let of_text = match rivalry.has_words() {
            false => None,
            true => {
                let rival = self.encode_caption(rivalry.caption().clone())?;
                Some(self.text_by_seeds(&rival, reverse.text.clone(), ask.seeds, progress)?)
            }
        };
        rivalry.record(
            &mut attribution,
            Reverse {
                image: of_image,
                text: of_text,
            },
        );
        Ok(attribution)
    }

    fn image_by_seeds(
        &self,
        image: &EncodedImage,
        fit: Arc<dyn Fit>,
        seeds: Option<usize>,
        progress: &mut Tell<'_>,
    ) -> Result<ImageAttribution> {
        match seeds {
            Some(seeds) => {
                let all = self.image_seeds(image, fit, seeds, progress)?;
                Ok(crate::seeds::mean_image(&all))
            }
            None => {
                let solutions = self.solve_image(image, fit, self.image_lanes, progress)?;
                Ok(self.image_attribution(image, solutions))
            }
        }
    }

    fn text_by_seeds(
        &self,
        text: &EncodedText,
        fit: Arc<dyn Fit>,
        seeds: Option<usize>,
        progress: &mut Tell<'_>,
    ) -> Result<TextAttribution> {
        match seeds {
            Some(seeds) => {
                let all = self.text_seeds(text, fit, seeds, progress)?;
                Ok(crate::seeds::mean_text(&all))
            }
            None => {
                let solution = self.solve_text(text, fit, self.text_lanes, progress)?;
                Ok(self.text_attribution(text, solution))
            }
        }
    }

    fn by_seeds(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        fits: &Fits,
        seeds: Option<usize>,
        progress: &mut Tell<'_>,
    ) -> Result<Attribution> {
        match seeds {
            Some(seeds) => self.explain_seeds(image, text, fits, seeds, progress),
            None => {
                let lanes = [self.image_lanes, self.text_lanes];
                self.explain(image, text, fits, lanes, progress)
            }
        }
    }
}
