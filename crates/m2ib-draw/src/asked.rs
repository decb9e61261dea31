//! What more was asked of a pair, for a terminal.

use m2ib_attribution::{Attribution, Interactions, Spread, WordMap};

use crate::number_format::NumberFormat;
use crate::percent::whole_percent;
use crate::visible::visible;

/// What was asked beyond where, beneath the words of [`ansi`](crate::ansi); nothing where nothing was.
pub fn ansi_asked(attribution: &Attribution) -> Option<String> {
    let asked = &attribution.asked;
    let contrast = asked.contrast.as_ref();
    let parts = [
        contrast.map(|contrast| crate::contrast::lines(attribution, contrast)),
        asked
            .spread
            .as_ref()
            .map(|spread| of_spread(attribution, spread)),
        asked.interactions.as_ref().map(of_interactions),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

fn of_spread(attribution: &Attribution, spread: &Spread) -> String {
    let words = attribution.text.words();
    let strongest = spread.text.strongest.iter().zip(&words);
    let strongest = strongest.max_by(|a, b| a.0.total_cmp(b.0));
    let top = strongest.map_or(String::new(), |(share, word)| {
        let word = visible(&word.text);
        format!(
            "; \"{word}\" is the strongest word by {} of them",
            whole_percent(*share)
        )
    });
    let format = NumberFormat::column(words.iter().map(|word| word.saliency));
    let each = words
        .iter()
        .zip(&spread.text.words)
        .map(|(word, deviation)| {
            let (word, mean) = (visible(&word.text), format.write(word.saliency));
            format!("{word} {mean} ± {}", format.write(*deviation))
        });
    let each: Vec<String> = each.collect();
    format!(
        "the mean of {} seeds: their maps' ranks correlate by {:.2}, {} of the hottest tenth is shared; words' ranks by {:.2}{top}\n{}",
        spread.seeds.len(),
        spread.image.rank_agreement,
        whole_percent(spread.image.hottest),
        spread.text.rank_agreement,
        each.join(", ")
    )
}

fn of_interactions(found: &Interactions) -> String {
    let largest = found.words.iter().map(|word| strongest(word).1);
    let format = NumberFormat::column(largest);
    let each = found.words.iter().map(|word| {
        let ([row, column], value) = strongest(word);
        let value = found.unit.after(&format.write(value));
        let word = visible(&word.text);
        format!("  {word}: row {row}, column {column} ({value})")
    });
    let [rows, columns] = found.grid();
    let each: Vec<String> = each.collect();
    format!(
        "the patch that goes most with each word, of {rows} rows and {columns} columns, by {}:\n{}",
        found.method,
        each.join("\n")
    )
}

/// Row and column of a word's strongest patch, from 1, and its value.
fn strongest(word: &WordMap) -> ([usize; 2], f32) {
    let patches = word.map.indexed_iter();
    let found = patches.max_by(|a, b| a.1.total_cmp(b.1));
    found.map_or(([0; 2], 0.0), |((row, column), &value)| {
        ([row + 1, column + 1], value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_contrast_says_what_was_held_against_what_and_the_other_way_round() {
        assert_eq!(ansi_asked(&fixture::attribution(96, 64)), None);
        let mut attribution = fixture::contrast(96, 64);
        let lines = ansi_asked(&attribution).unwrap();
        for words in [
            "0.3125",
            "0.2500",
            "koala",
            "difference of 0.0625",
            "other way round",
        ] {
            assert!(lines.contains(words), "{words}: {lines}");
        }
        let contrast = attribution.asked.contrast.as_mut().unwrap();
        contrast.rivals[0].caption = "a \u{1b}[31mred".into();
        contrast.reverse.text = None;
        let lines = ansi_asked(&attribution).unwrap();
        assert!(
            !lines.contains('\u{1b}') && lines.contains("red"),
            "{lines}"
        );
    }

    #[test]
    fn seeds_and_words_are_summed_up() {
        let lines = ansi_asked(&fixture::spread(96, 64)).unwrap();
        for words in ["3 seeds", "0.88", "94 %", "\"tractor\" is the strongest"] {
            assert!(lines.contains(words), "{words}: {lines}");
        }
        let lines = ansi_asked(&fixture::interactions(96, 64)).unwrap();
        for words in ["4 rows", "hedgehog: row 2", "0.500", "by masks"] {
            assert!(lines.contains(words), "{words}: {lines}");
        }
    }
}
