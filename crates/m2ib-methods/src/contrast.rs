//! Why this caption rather than that one, by any method: fits plug in.

use m2ib::{
    Against, Ask, Attribution, Averaged, ImageAttribution, Reverse, Rivalry, TextAttribution,
};

use crate::factory::has_seed;
use crate::{Error, Method, MethodFactory, Result, Subject};

impl Subject<'_> {
    /// The rivals of the caption, before the image.
    ///
    /// # Errors
    /// Those of [`Rivalry::of`].
    pub fn rivalry(&self, against: &Against) -> Result<Rivalry> {
        let text = (self.caption(), self.text_embedding());
        Ok(Rivalry::of(
            self.model(),
            self.image_embedding(),
            text,
            against,
        )?)
    }

    /// The same pair, asked why this caption rather than its rivals.
    ///
    /// # Errors
    /// Those of [`Rivalry::of`].
    pub fn against(self, against: &Against) -> Result<Self> {
        let fits = self.rivalry(against)?.fits()?;
        Ok(self.with_fits(fits))
    }
}

/// Explains a pair by a method and answers what more is [asked](Ask), as
/// [`Explainer::ask`](m2ib::Explainer::ask) does by M2IB. The fits of the subject give way to those of a
/// contrast, where one is asked for.
///
/// ```
/// # use m2ib::emoji;
/// use m2ib::{Against, Ask};
/// use m2ib_methods::{Registry, Subject, ask};
///
/// let model = emoji::pretrained(&m2ib::Backend::preferred()?.device()?)?;
/// let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
/// let subject = Subject::new(&model, &image, "a photo of a piano")?;
/// let method = Registry::standard().parse("grad-cam")?;
/// let against = Some(Against::captions(["a photo of a money bag"]));
/// let found = ask(method.as_ref(), None, &subject, &Ask { against, seeds: None })?;
/// assert!(found.asked.contrast.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of building the method and of [`Method::attribute`];
/// [`Error::Explainer`] for rivals or a number of seeds that make no sense,
/// [`Error::Setting`] for several seeds of a method that draws nothing.
pub fn ask(
    factory: &dyn MethodFactory,
    calibration: Option<&m2ib::Calibration>,
    subject: &Subject<'_>,
    ask: &Ask,
) -> Result<Attribution> {
    let model = subject.model();
    factory.check(model, calibration)?;
    let mut methods = Vec::new();
    match ask.seeds {
        None => methods.push(factory.build(model, calibration)?),
        Some(found) if !m2ib::SEEDS.contains(&found) => {
            return Err(m2ib::Error::Seeds { found }.into());
        }
        Some(_) if !has_seed(factory) => {
            let expected =
                "a method in which something is random: by this one, every seed has the same map";
            let method = factory.name();
            return Err(Error::setting(method, "seed", "several", expected));
        }
        Some(seeds) => {
            for seed in 0..seeds as u64 {
                let factory = factory.with_seed(factory.seed().wrapping_add(seed));
                methods.push(factory.build(model, calibration)?);
            }
        }
    }
    let Some(against) = &ask.against else {
        return averaged(&methods, subject);
    };
    let rivalry = subject.rivalry(against)?;
    let asked = subject.clone().with_fits(rivalry.fits()?);
    let mut attribution = averaged(&methods, &asked)?;
    let (pixels, caption) = (subject.pixels().clone(), rivalry.caption().clone());
    let rival = Subject::from_parts(model, pixels, caption)?.with_fits(rivalry.reverse()?);
    let images = methods.iter().map(|method| method.attribute_image(&rival));
    let images = images.collect::<Result<Vec<_>>>()?;
    let text = match rivalry.has_words() {
        false => None,
        true => {
            let texts = methods.iter().map(|method| method.attribute_text(&rival));
            Some(m2ib::mean_text(&texts.collect::<Result<Vec<_>>>()?))
        }
    };
    let reverse = Reverse {
        image: m2ib::mean_image(&images),
        text,
    };
    rivalry.record(&mut attribution, reverse);
    Ok(attribution)
}

/// The mean of several seeds' explanations, or the one there is.
fn averaged(methods: &[Box<dyn Method>], subject: &Subject<'_>) -> Result<Attribution> {
    let mut all = Vec::new();
    for method in methods {
        all.push(method.attribute(subject)?);
    }
    if let [_] = &all[..] {
        return Ok(all.remove(0));
    }
    let seeds = all.iter().map(|one| one.provenance.seed).collect();
    let maps: Vec<_> = all.iter().map(|one| one.image.saliency()).collect();
    let texts: Vec<&TextAttribution> = all.iter().map(|one| &one.text).collect();
    let spread = Averaged::of(seeds, &maps, &texts).spread;
    let images: Vec<ImageAttribution> = all.iter().map(|one| one.image.clone()).collect();
    let texts: Vec<TextAttribution> = texts.into_iter().cloned().collect();
    let mut mean = all.remove(0);
    mean.image = m2ib::mean_image(&images);
    mean.text = m2ib::mean_text(&texts);
    mean.asked.spread = Some(spread);
    Ok(mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::subject::fixture;

    /// Integrated Gradients share a fit out completely: so the two ways of a contrast sum to opposite
    /// numbers, and the way there is the difference of the captions' own.
    #[test]
    fn what_is_shared_out_is_the_difference() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let factory = Registry::standard()
            .parse("integrated-gradients:steps=100")
            .unwrap();
        let rival = "a photo of a money bag";
        let against = Some(Against::captions([rival]));
        let asked = Ask {
            against,
            seeds: None,
        };
        let found = ask(factory.as_ref(), None, &subject, &asked).unwrap();
        let contrast = found.asked.contrast.as_ref().unwrap();
        let method = factory.build(&model, None).unwrap();
        let own = method.patches(&subject).unwrap();
        let caption = model.tokenizer().encode(rival).unwrap();
        let other = Subject::from_parts(&model, subject.pixels().clone(), caption).unwrap();
        let theirs = method.patches(&other).unwrap();
        let reverse = contrast.reverse.image.saliency();
        for (place, value) in found.image.saliency().indexed_iter() {
            let expected = own[place] - theirs[place];
            assert!((value - expected).abs() < 1e-4, "{value} {expected}");
            assert!((value + reverse[place]).abs() < 1e-4);
        }
        let difference = subject.similarity() - other.similarity();
        assert!((contrast.difference - difference).abs() < 1e-5);
        assert!(found.provenance.fits.image.contains(rival));
    }

    #[test]
    fn seeds_of_what_draws_nothing_are_refused_and_others_averaged() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let asked = |name: &str, seeds| {
            let factory = Registry::standard().parse(name).unwrap();
            let asked = Ask {
                against: None,
                seeds: Some(seeds),
            };
            ask(factory.as_ref(), None, &subject, &asked)
        };
        let error = asked("saliency", 3).unwrap_err().to_string();
        assert!(
            error.contains("saliency") && error.contains("random"),
            "{error}"
        );
        let error = asked("random", 1).unwrap_err().to_string();
        assert!(
            error.contains("found 1") || error.contains("is 1"),
            "{error}"
        );
        let found = asked("random:seed=3", 4).unwrap();
        let spread = found.asked.spread.unwrap();
        assert_eq!(spread.seeds, [3, 4, 5, 6]);
        // Noise agrees with noise by chance.
        assert!(spread.image.rank_agreement.abs() < 0.3, "{spread:?}");
    }

    /// Without rivals it takes the bank's; with some, those.
    #[test]
    fn finer_cam_is_grad_cam_of_a_contrast() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let by = |name: &str, subject: &Subject<'_>| {
            let factory = Registry::standard().parse(name).unwrap();
            factory
                .build(&model, None)
                .unwrap()
                .patches(subject)
                .unwrap()
        };
        let finer = by("finer-cam", &subject);
        let against = subject.rivalry(&Against::bank()).unwrap();
        let asked = subject.clone().with_fits(against.fits().unwrap());
        assert_eq!(finer, by("grad-cam", &asked));
        assert_ne!(finer, by("grad-cam", &subject));
        assert_ne!(finer, by("finer-cam:kappa=0.5", &subject));
        let named = Against::captions(["a photo of a lock"]);
        let named = subject.rivalry(&named).unwrap().fits().unwrap();
        let asked = subject.clone().with_fits(named);
        assert_eq!(by("finer-cam", &asked), by("grad-cam", &asked));
    }
}
