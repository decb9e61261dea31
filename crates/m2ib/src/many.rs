//! Many pairs at once.
//!
//! On a CPU every thread takes whole pairs: nothing waits for anything, and each pair's tensors
//! stay in its core's cache. Elsewhere pairs are solved in batches, so that a device has work
//! enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Tensor;
use clip_input::{Layout, Pictured};
use m2ib_core::{BATCH_ROWS, Cosine, Lanes, Problem, Readout, Solution};

use crate::builder::Side;
use crate::{
    Attribution, Backend, EncodedImage, EncodedText, Error, Explainer, Fits, Modality, Result,
};

impl Explainer {
    /// Runs images through their tower, several at once on a CPU.
    ///
    /// # Errors
    /// As [`encode_image`](Self::encode_image), image by image.
    pub fn encode_images(&self, images: &[impl Pictured]) -> Vec<Result<EncodedImage>> {
        let images = images.iter().collect();
        let encode = |image| self.encode_image(image);
        self.scoped(|| self.pair_lanes.map(images, encode))
    }

    /// Explains many pairs, each as [`attribute_encoded`](Self::attribute_encoded) would, but for
    /// the rounding of sums.
    ///
    /// An image or a caption that occurs in several pairs is encoded once, by the caller:
    ///
    /// ```
    /// # use m2ib::{Explainer, emoji};
    /// # let explainer = Explainer::emoji()?;
    /// # let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
    /// let image = explainer.encode_image(&image)?;
    /// let captions = ["a photo of a piano", "a photo of a money bag"];
    /// let texts: Vec<_> = captions.iter().map(|text| explainer.encode_text(text)).collect::<Result<_, _>>()?;
    /// let pairs: Vec<_> = texts.iter().map(|text| (&image, text)).collect();
    /// for attribution in explainer.attribute_many(&pairs) {
    ///     println!("{:.3}", attribution?.similarity);
    /// }
    /// # Ok::<(), m2ib::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`attribute_encoded`](Self::attribute_encoded), pair by pair: one that fails costs no
    /// other its result.
    pub fn attribute_many(
        &self,
        pairs: &[(&EncodedImage, &EncodedText)],
    ) -> Vec<Result<Attribution>> {
        self.attribute_many_with(pairs, &|_, _| {})
    }

    /// As [`attribute_many`](Self::attribute_many); `done` is handed every result as it is made,
    /// with the pair's index, from whichever thread made it. (A thread that is held up there
    /// explains nothing meanwhile, and pairs that another thread hands to any explainer wait for
    /// these.)
    ///
    /// # Errors
    /// As [`attribute_many`](Self::attribute_many).
    pub fn attribute_many_with(
        &self,
        pairs: &[(&EncodedImage, &EncodedText)],
        done: &(dyn Fn(usize, &Result<Attribution>) + Sync),
    ) -> Vec<Result<Attribution>> {
        self.scoped(|| match Backend::host_threads(&self.model.device()) {
            Some(_) => self.many_in_lanes(pairs, done),
            None => self.many_in_batches(pairs, done),
        })
    }

    fn many_in_lanes(
        &self,
        pairs: &[(&EncodedImage, &EncodedText)],
        done: &(dyn Fn(usize, &Result<Attribution>) + Sync),
    ) -> Vec<Result<Attribution>> {
        let explain = |index: usize, lanes: [Lanes; 2]| {
            let (image, text) = pairs[index];
            let fits = Fits::of_pair(&image.embedding, &text.embedding);
            let result = self.explain(image, text, &fits, lanes, &mut |_| {});
            done(index, &result);
            result
        };
        // Pairs left over when each lane has had as many as every other share out their samples.
        let even = pairs.len() - pairs.len() % self.pair_lanes.count();
        let alone = [Lanes::one(); 2];
        let shared = [self.image_lanes, self.text_lanes];
        let mut results = self
            .pair_lanes
            .map((0..even).collect(), |index| explain(index, alone));
        results.extend((even..pairs.len()).map(|index| explain(index, shared)));
        results
    }

    fn many_in_batches(
        &self,
        pairs: &[(&EncodedImage, &EncodedText)],
        done: &(dyn Fn(usize, &Result<Attribution>) + Sync),
    ) -> Vec<Result<Attribution>> {
        let tokens = pairs.iter().map(|(image, _)| image.layout.tokens.len());
        let reads = |side: &Side| {
            let settings = side.settings.bottleneck;
            let reads = settings.samples * (1 + usize::from(settings.two_sided()));
            reads * side.settings.shifts.count()
        };
        let image = tokens.max().unwrap_or(1) * reads(&self.image);
        let text = self.model.text().positions() * reads(&self.text);
        let rows = image.max(text);
        let mut results = Vec::with_capacity(pairs.len());
        for batch in pairs.chunks((BATCH_ROWS / rows).max(1)) {
            for result in self.batch(batch) {
                done(results.len(), &result);
                results.push(result);
            }
        }
        results
    }

    fn batch(&self, pairs: &[(&EncodedImage, &EncodedText)]) -> Vec<Result<Attribution>> {
        let similarities = pairs
            .iter()
            .map(|(image, text)| self.similarity(image, text))
            .collect::<Vec<_>>();
        // Those of another model have no place in a batch.
        let fit = (0..pairs.len()).filter(|&index| similarities[index].is_ok());
        let fit: Vec<usize> = fit.collect();

        let cosine = |embedding: &Tensor<2>| Arc::new(Cosine::new(embedding.clone()));
        let problem = |index: usize| {
            let (image, text) = pairs[index];
            self.image_problems(image, cosine(&text.embedding))
        };
        let layout = |index: usize| &pairs[index].0.layout;
        let readout = |group: &[usize]| -> Box<dyn Readout + '_> {
            Box::new(self.readout(Modality::Image, layout(group[0])))
        };
        let mut by_image = self.solve_by_layout(Modality::Image, &fit, layout, problem, readout);
        let problem = |index: usize| {
            let (image, text) = pairs[index];
            Ok(vec![self.text_problem(text, cosine(&image.embedding))?])
        };
        let layout = |index: usize| &pairs[index].1.layout;
        let readout = |group: &[usize]| {
            let texts: Vec<_> = group.iter().map(|&index| pairs[index].1).collect();
            self.text_readout(&texts)
        };
        let mut by_text = self.solve_by_layout(Modality::Text, &fit, layout, problem, readout);

        let result = |(index, similarity): (usize, Result<f32>)| {
            let similarity = similarity?;
            let missing = "every pair that fits was solved";
            let by_image = by_image.remove(&index).expect(missing)?;
            let by_text = by_text.remove(&index).expect(missing)?.remove(0);
            let (image, text) = pairs[index];
            self.attribution(image, text, similarity, by_image, by_text)
        };
        similarities.into_iter().enumerate().map(result).collect()
    }

    /// The solutions of pairs' problems, of which each has as many, batch by batch: a batch needs one
    /// layout.
    fn solve_by_layout<'a>(
        &self,
        modality: Modality,
        pairs: &[usize],
        layout: impl Fn(usize) -> &'a Layout,
        problems: impl Fn(usize) -> Result<Vec<Problem>>,
        readout: impl Fn(&[usize]) -> Box<dyn Readout + 'a>,
    ) -> BTreeMap<usize, Result<Vec<Solution>>> {
        let mut groups = BTreeMap::<_, Vec<usize>>::new();
        for &index in pairs {
            groups.entry(layout(index)).or_default().push(index);
        }
        let mut solved = BTreeMap::new();
        for group in groups.into_values() {
            let problems: Vec<_> = group.iter().map(|&index| problems(index)).collect();
            // Of those that can be stated.
            let stated = group
                .iter()
                .zip(&problems)
                .filter(|(_, problems)| problems.is_ok());
            let stated: Vec<usize> = stated.map(|(&index, _)| index).collect();
            let readout = match stated.is_empty() {
                true => readout(&group),
                false => readout(&stated),
            };
            let solutions = self.solve_batch(modality, problems, &*readout);
            solved.extend(group.into_iter().zip(solutions));
        }
        solved
    }

    /// One result a pair: those whose problems could not be stated keep their error, and an error of
    /// the batch as a whole is everyone's.
    fn solve_batch(
        &self,
        modality: Modality,
        pairs: Vec<Result<Vec<Problem>>>,
        readout: &dyn Readout,
    ) -> Vec<Result<Vec<Solution>>> {
        let stated: Vec<Problem> = pairs.iter().flatten().flatten().cloned().collect();
        let bottleneck = &self.side(modality).bottleneck;
        let solved = match stated.as_slice() {
            [] => Vec::new(),
            _ => bottleneck
                .solve_many(&stated, readout, &self.noise(modality), &mut |_, _| {})
                .unwrap_or_else(|error| stated.iter().map(|_| Err(error.clone())).collect()),
        };
        let failed = |source| Error::of_bottleneck(modality, source);
        let mut solved = solved.into_iter();
        // In the order they came in.
        pairs
            .into_iter()
            .map(|problems| {
                let own: Vec<_> = solved.by_ref().take(problems?.len()).collect();
                let own = own.into_iter();
                own.map(|solution| solution.map_err(failed)).collect()
            })
            .collect()
    }
}

#[cfg(test)]
#[cfg(all(feature = "cpu", feature = "emoji"))]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Mutex;

    use super::*;
    use crate::{Ask, Preset, Scope, Stop, emoji};

    fn explainer(preset: Preset) -> Explainer {
        let model = emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap();
        Explainer::builder(model)
            .preset(preset)
            .calibration(emoji::calibration().unwrap())
            .steps(3)
            .build()
            .unwrap()
    }

    fn scenes(count: usize) -> Vec<crate::Picture> {
        let scenes = emoji::SCENES.iter().take(count);
        scenes
            .map(|scene| crate::decode_image(scene.png, "scene").unwrap())
            .collect()
    }

    fn close(found: &Attribution, expected: &Attribution) {
        assert_eq!(found.similarity, expected.similarity);
        assert_eq!(found.provenance, expected.provenance);
        assert_eq!(found.text.caption, expected.text.caption);
        let image = found.image.saliency().iter().zip(expected.image.saliency());
        let text = found.text.saliency.iter().zip(&expected.text.saliency);
        for (found, expected) in image.chain(text) {
            assert!(
                (found - expected).abs() < 1e-3 * expected.abs().max(1.0),
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn many_pairs_are_explained_as_each_would_be_alone() {
        for preset in [Preset::Fine, Preset::Released, Preset::Matched] {
            let explainer = explainer(preset);
            let images: Vec<_> = explainer
                .encode_images(&scenes(2))
                .into_iter()
                .map(Result::unwrap)
                .collect();
            // Two lengths, so that a batch has to be taken apart.
            let texts = ["a photo of a piano", "money bag", "a photo of a lock"]
                .map(|text| explainer.encode_text(text).unwrap());
            let pairs: Vec<_> = texts
                .iter()
                .enumerate()
                .map(|(index, text)| (&images[index % 2], text))
                .collect();
            let alone = |&(image, text): &(&EncodedImage, &EncodedText)| {
                explainer.attribute_encoded(image, text).unwrap()
            };
            let alone: Vec<_> = pairs.iter().map(alone).collect();
            let told = Mutex::new(Vec::new());
            let done = |index, result: &Result<Attribution>| {
                assert!(result.is_ok());
                told.lock().unwrap().push(index);
            };
            let lanes = explainer.many_in_lanes(&pairs, &done);
            let batches = explainer.many_in_batches(&pairs, &done);
            assert_eq!((lanes.len(), batches.len()), (3, 3));
            for (found, expected) in lanes.iter().chain(&batches).zip(alone.iter().cycle()) {
                close(found.as_ref().unwrap(), expected);
            }
            let mut told = told.into_inner().unwrap();
            told.sort_unstable();
            assert_eq!(told, [0, 0, 1, 1, 2, 2]);
        }
    }

    #[test]
    fn a_pair_that_fails_costs_no_other_its_result() {
        let (explainer, other) = (explainer(Preset::Released), explainer(Preset::Matched));
        let scene = &scenes(1)[0];
        let (image, stranger) = (
            explainer.encode_image(scene).unwrap(),
            other.encode_image(scene).unwrap(),
        );
        let text = explainer.encode_text("a photo of a piano").unwrap();
        let pairs = [(&image, &text), (&stranger, &text), (&image, &text)];
        for results in [
            explainer.many_in_lanes(&pairs, &|_, _| {}),
            explainer.many_in_batches(&pairs, &|_, _| {}),
        ] {
            let [Ok(_), Err(Error::Encoded { .. }), Ok(_)] = &results[..] else {
                panic!("{results:?}");
            };
        }
    }

    #[test]
    fn work_that_is_told_to_stop_ends_at_its_next_step() {
        let explainer = explainer(Preset::Released);
        let image = explainer.encode_image(&scenes(1)[0]).unwrap();
        let text = explainer.encode_text("a photo of a piano").unwrap();
        let fits = Fits::of_pair(&image.embedding, &text.embedding);
        let (stop, mut steps) = (Stop::new(), 0);
        let mut told = |_| {
            steps += 1;
            if steps == 2 {
                stop.stop();
            }
            ControlFlow::Continue(())
        };
        let scope = Scope::new().with_stop(&stop);
        let work = || explainer.attribute_with(&image, &text, &fits, &mut told);
        let result = scope.run(work);
        assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
        assert_eq!(steps, 2);
        // Whoever is told of steps may say so too, and is told of no more, whatever is asked.
        for seeds in [None, Some(2)] {
            let mut steps = 0;
            let mut told = |_| {
                steps += 1;
                match steps {
                    2 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            };
            let ask = Ask {
                seeds,
                ..Ask::default()
            };
            let result = explainer.ask(&image, &text, &ask, &mut told);
            assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
            assert_eq!(steps, 2);
        }
        let pairs = [(&image, &text); 3];
        for results in scope.run(|| {
            [
                explainer.many_in_lanes(&pairs, &|_, _| {}),
                explainer.many_in_batches(&pairs, &|_, _| {}),
            ]
        }) {
            let stopped = |result: &Result<_>| matches!(result, Err(Error::Stopped));
            assert!(results.iter().all(stopped), "{results:?}");
        }
        assert!(scope.run(|| explainer.encode_text("a dog")).is_err());
        // The next piece of work is not its business.
        assert!(explainer.attribute_encoded(&image, &text).is_ok());
    }

    #[test]
    fn nothing_to_explain_is_no_error() {
        let explainer = explainer(Preset::Released);
        assert!(explainer.attribute_many(&[]).is_empty());
        assert!(explainer.many_in_batches(&[], &|_, _| {}).is_empty());
    }
}
