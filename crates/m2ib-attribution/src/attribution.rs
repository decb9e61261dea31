//! What an explanation says: plain numbers on the host, serialisable both ways.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Asked, ImageAttribution, Provenance, TextAttribution, Warning, WordScore};

/// The explanation of one image–caption pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// Which patches carried information about the caption.
    pub image: ImageAttribution,
    /// Which tokens and words carried information about the image.
    pub text: TextAttribution,
    /// Cosine similarity of the two embeddings, nothing masked.
    pub similarity: f32,
    /// How likely the two belong together, 0..1, by models that were trained to say so of each pair by
    /// itself (SigLIP); their cosines are small even for what does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// Where the similarity lies among those of captions of other things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<Warning>,
    /// What more was asked of the pair.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    pub asked: Asked,
    /// How it was made.
    pub provenance: Provenance,
}

/// Where a caption lies among captions of other things, by their similarity to one image. A cosine
/// means little by itself; its place among others does not depend on where a model's lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rank {
    /// How many of the others are at least as similar.
    pub above: usize,
    /// How many others there are.
    pub others: usize,
}

impl Rank {
    /// From 1, the most similar.
    pub fn place(self) -> usize {
        self.above + 1
    }

    /// How many captions there are, this one included.
    pub fn of(self) -> usize {
        self.others + 1
    }
}

impl Attribution {
    /// The caption's words with their scores, in its order.
    pub fn words(&self) -> Vec<WordScore> {
        self.text.words()
    }

    /// The words with the largest saliency, the largest first; of equals the first.
    pub fn top_words(&self, count: usize) -> Vec<WordScore> {
        self.text.top_words(count)
    }
}

/// A few lines for a log or a notebook: the caption with its similarity, the words that carry most, the
/// hottest patch, and what is to be known before any of it is trusted.
impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More words than these are read in [`words`](Attribution::words).
        const WORDS: usize = 3;
        let caption = &self.text.caption.text;
        write!(f, "\"{caption}\", similarity {:.3}", self.similarity)?;
        if let Some(rank) = self.rank {
            write!(f, ", rank {} of {} captions", rank.place(), rank.of())?;
        }
        let top = self.top_words(WORDS).into_iter();
        let top = top.map(|word| {
            let saliency = self.text.unit.after(&format!("{:.3}", word.saliency));
            format!("{} {saliency}", word.text)
        });
        let top = top.collect::<Vec<_>>().join(", ");
        write!(f, "\nwords: {top}\nmap: {}", self.image)?;
        for warning in &self.warnings {
            write!(f, "\nwarning: {warning}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_few_lines_say_what_it_says() {
        let attribution = fixture::attribution();
        let said = attribution.to_string();
        let lines: Vec<&str> = said.lines().collect();
        let expected = [
            "\"a hedgehog\", similarity 0.250, rank 3 of 221 captions",
            "words: hedgehog 5.000 nats, a 1.000 nats",
            "map: 2 × 2, hottest in row 2, column 1, with 4.000 nats",
            "warning: every patch has the same saliency: there is no heat map",
        ];
        assert_eq!(lines, expected);
        let image = attribution.image;
        let flat = image.clone().with_saliency(array![[1.0, 1.0]]);
        assert_eq!(flat.to_string(), "1 × 2, all the same, with 1.000 nats");
        let empty = image.with_saliency(array![[]]);
        assert_eq!(empty.to_string(), "1 × 0, all the same");
    }

    #[test]
    fn json_has_the_words_and_reads_back_as_it_was() {
        let attribution = fixture::attribution();
        let json = serde_json::to_value(&attribution).unwrap();
        assert_eq!(json["text"]["words"][1]["text"], "hedgehog");
        assert_eq!(json["text"]["words"][1]["saliency"], 5.0);
        assert_eq!(json["provenance"]["picture"], "p1c");
        let read: Attribution = serde_json::from_value(json).unwrap();
        assert_eq!(read, attribution);
    }
}
