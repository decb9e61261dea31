//! Many pairs as they come: pictures or files, and captions, each encoded once.

use std::collections::BTreeMap;
use std::path::Path;

use clip_input::{Pictured, open_image};

use crate::{Attribution, EncodedImage, EncodedText, Explainer, Result};

/// Pairs whose encodings are held at once: what is done with them takes a thousand times as long as to encode
/// them, and a large model's take a megabyte each.
const TOGETHER: usize = 64;

impl Explainer {
    /// Runs captions through their tower, several at once on a CPU.
    ///
    /// # Errors
    /// As [`encode_text`](Self::encode_text), caption by caption.
    pub fn encode_texts(&self, texts: &[impl AsRef<str>]) -> Vec<Result<EncodedText>> {
        let texts = texts.iter().map(AsRef::as_ref).collect();
        self.scoped(|| {
            self.pair_lanes
                .map(texts, |text: &str| self.encode_text(text))
        })
    }

    /// Explains pairs of pictures and captions, each as [`attribute`](Self::attribute) would; pictures and
    /// captions that come again are encoded once.
    ///
    /// ```
    /// # use m2ib::{Explainer, emoji};
    /// # let explainer = Explainer::emoji()?;
    /// # let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
    /// let pairs = [(&image, "a photo of a piano"), (&image, "a photo of a money bag")];
    /// for attribution in explainer.attribute_pairs(&pairs) {
    ///     println!("{}", attribution?);
    /// }
    /// # Ok::<(), m2ib::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute), pair by pair: one that fails costs no other its result.
    pub fn attribute_pairs<P: Pictured>(
        &self,
        pairs: &[(&P, impl AsRef<str>)],
    ) -> Vec<Result<Attribution>> {
        // The same picture, not an equal one: to compare their pixels takes longer than to encode them.
        let keyed = pairs.iter().map(|(image, text)| {
            let image: &P = image;
            (std::ptr::from_ref(image).addr(), image, text.as_ref())
        });
        self.by_key(&keyed.collect::<Vec<_>>(), |image| {
            self.encode_image(*image)
        })
    }

    /// Explains pairs of image files and captions, each as [`attribute`](Self::attribute) would; files and
    /// captions that come again soon are read once.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute), and [`Error::Model`](crate::Error::Model) for a file that is no
    /// image, pair by pair: one that fails costs no other its result.
    pub fn attribute_paths(
        &self,
        pairs: &[(impl AsRef<Path>, impl AsRef<str>)],
    ) -> Vec<Result<Attribution>> {
        let keyed = pairs.iter().map(|(path, text)| {
            let path = path.as_ref();
            (path, path, text.as_ref())
        });
        self.by_key(&keyed.collect::<Vec<_>>(), |path| {
            self.encode_image(&open_image(path)?)
        })
    }

    /// Pairs of what an image is known by, what it is made of, and a caption.
    fn by_key<K: Ord + Copy, S: Sync>(
        &self,
        pairs: &[(K, S, &str)],
        encode: impl Fn(&S) -> Result<EncodedImage> + Sync,
    ) -> Vec<Result<Attribution>> {
        let some = |pairs: &[(K, S, &str)]| {
            let images: BTreeMap<K, &S> =
                pairs.iter().map(|(key, image, _)| (*key, image)).collect();
            let texts: BTreeMap<&str, &str> =
                pairs.iter().map(|(.., text)| (*text, *text)).collect();
            let images = self.each_once(images, &encode);
            let texts = self.each_once(texts, |text| self.encode_text(text));
            let known = pairs.iter().map(|(key, _, text)| {
                let (image, text) = (images[key].as_ref(), texts[text].as_ref());
                image.ok().zip(text.ok())
            });
            let known: Vec<Option<(&EncodedImage, &EncodedText)>> = known.collect();
            let encoded: Vec<_> = known.iter().copied().flatten().collect();
            let mut explained = self.attribute_many(&encoded).into_iter();
            let result = |((_, image, text), known): (&(K, S, &str), _)| match known {
                Some(_) => explained.next().expect("every encoded pair has a result"),
                // An error of several pairs is made again for each; the caption's comes first.
                None => {
                    let text = self.encode_text(text)?;
                    self.attribute_encoded(&encode(image)?, &text)
                }
            };
            let results: Vec<_> = pairs.iter().zip(known).map(result).collect();
            results
        };
        pairs.chunks(TOGETHER).flat_map(some).collect()
    }

    /// What comes of each, several at once on a CPU.
    fn each_once<K: Ord, S: Send, R: Send>(
        &self,
        all: BTreeMap<K, S>,
        job: impl Fn(S) -> Result<R> + Sync,
    ) -> BTreeMap<K, Result<R>> {
        let (keys, all): (Vec<K>, Vec<S>) = all.into_iter().unzip();
        let made = self.scoped(|| self.pair_lanes.map(all, job));
        keys.into_iter().zip(made).collect()
    }
}

#[cfg(test)]
#[cfg(all(feature = "cpu", feature = "emoji"))]
mod tests {
    use super::*;
    use crate::emoji;

    #[test]
    fn pictures_and_files_are_explained_as_alone_and_what_fails_costs_no_other() {
        let explainer = Explainer::builder("emoji")
            .steps(2)
            .samples(1)
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let scenes = [0, 1].map(|place| {
            let png = emoji::SCENES[place].png;
            std::fs::write(path(&format!("{place}.png")), png).unwrap();
            crate::decode_image(png, "scene").unwrap()
        });
        std::fs::write(path("broken.png"), "no picture").unwrap();
        let (piano, lock) = ("a photo of a piano", "lock");
        let alone = [
            explainer.attribute(&scenes[0], piano).unwrap(),
            explainer.attribute(&scenes[1], lock).unwrap(),
            explainer.attribute(&scenes[0], lock).unwrap(),
        ];
        let [a, b] = &scenes;
        let of_pictures = explainer.attribute_pairs(&[(a, piano), (b, lock), (a, "  "), (a, lock)]);
        let of_files = explainer.attribute_paths(&[
            (path("0.png"), piano),
            (path("1.png"), lock),
            (path("broken.png"), piano),
            (path("broken.png"), lock),
            (path("0.png"), lock),
        ]);
        let found = |results: &[Result<Attribution>]| -> Vec<Attribution> {
            results
                .iter()
                .filter_map(|it| it.as_ref().ok().cloned())
                .collect()
        };
        for found in [found(&of_pictures), found(&of_files)] {
            assert_eq!(found.len(), 3);
            for (found, alone) in found.iter().zip(&alone) {
                assert_eq!(found.similarity, alone.similarity);
                assert_eq!(found.provenance, alone.provenance);
                assert!(found.provenance.picture.is_some());
                let differ = found.image.saliency() - alone.image.saliency();
                assert!(differ.iter().all(|it| it.abs() < 1e-3), "{differ}");
            }
        }
        assert_ne!(alone[0].provenance.picture, alone[1].provenance.picture);
        assert!(of_pictures[2].is_err());
        for broken in &of_files[2..4] {
            let error = broken.as_ref().unwrap_err().to_string();
            assert!(error.contains("broken.png"), "{error}");
        }
    }
}
