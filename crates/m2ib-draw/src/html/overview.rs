//! Many explanations on one page that needs nothing else: a card for each pair, one slider for all maps.

use std::collections::BTreeSet;

use image::DynamicImage;
use m2ib_attribution::Attribution;
use maud::{Markup, PreEscaped, html};

use super::{page, picture, words};
use crate::overlay::check_size;
use crate::percent::percent;
use crate::visible::visible;
use crate::{Look, Result};

const STYLE: &str = concat!(include_str!("../page.css"), include_str!("overview.css"));
const SCRIPT: &str = concat!(
    include_str!("../common.js"),
    include_str!("../look_closer.js")
);

/// A page in the making: pairs are added one by one, and only what the page shows of each is kept.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    cards: Vec<Card>,
    look: Look,
    /// What made them, each once.
    makers: BTreeSet<String>,
}

/// A pair on the page.
#[derive(Debug, Clone)]
struct Card {
    /// Its picture, words and numbers.
    content: String,
    /// What is to be known before it is trusted.
    warnings: Vec<String>,
}

impl Overview {
    /// Of no pair yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of no pair yet, with heat maps that look so.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) for a look that makes no sense.
    pub fn with_look(look: Look) -> Result<Self> {
        look.check()?;
        Ok(Self {
            look,
            ..Self::default()
        })
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.cards.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// Adds a pair: its image's name, and what was found.
    ///
    /// # Errors
    /// [`Error::ImageSize`](crate::Error::ImageSize) for an image that is not the one explained.
    pub fn add(
        &mut self,
        name: &str,
        attribution: &Attribution,
        image: &DynamicImage,
    ) -> Result<()> {
        check_size(attribution, image)?;
        let prefix = format!("pair-{}-", self.cards.len());
        let content = card(name, attribution, image, (&prefix, &self.look))?.into_string();
        let warnings = attribution.warnings.iter();
        let warnings = warnings.map(|warning| warning.to_string()).collect();
        self.cards.push(Card { content, warnings });
        let made = &attribution.provenance;
        self.makers
            .insert(format!("{} · {}", made.model, made.method));
        Ok(())
    }

    /// The page.
    pub fn to_html(&self) -> String {
        let count = self.cards.len();
        let title = format!("What the model relied on: {count} pairs");
        let shared = self.shared();
        let main = html! {
            header {
                h1 { (title) }
                @for made in &self.makers { p { (visible(made)) } }
            }
            (warned(&shared))
            // Scripts show it; without them it would do nothing.
            label.opacity hidden {
                "Heat maps"
                input type="range" min="0" max="100" value=(self.look.percent()) aria-label="Opacity of the heat maps";
                output { (self.look.percent()) " %" }
            }
            div.cards {
                @for card in &self.cards {
                    article.card {
                        (PreEscaped(&card.content))
                        @for warning in card.warnings.iter().filter(|it| !shared.contains(it)) {
                            p.caution { (visible(warning)) }
                        }
                    }
                }
            }
        };
        let title = format!("{title} · m2ib");
        page(&title, STYLE, SCRIPT, &main.into_string())
    }

    /// What all pairs have in common is told once.
    fn shared(&self) -> Vec<&String> {
        let Some((first, others)) = self.cards.split_first() else {
            return Vec::new();
        };
        let everywhere = |warning: &&String| others.iter().all(|it| it.warnings.contains(warning));
        first.warnings.iter().filter(everywhere).collect()
    }
}

fn warned(warnings: &[&String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            aside.warnings aria-label="Warnings" {
                h2 { "Before you trust this" }
                ul { @for warning in warnings { li { (visible(warning)) } } }
            }
        }
    }
}

fn card(
    name: &str,
    attribution: &Attribution,
    image: &DynamicImage,
    (prefix, look): (&str, &Look),
) -> Result<Markup> {
    Ok(html! {
        figure { (picture::small_figure(attribution, image, look)?) }
        (words::shaded(&attribution.text, prefix))
        p.note {
            "similarity " (format!("{:.3}", attribution.similarity))
            @if let Some(probability) = attribution.probability { ", probability " (percent(probability)) }
            @if let Some(rank) = attribution.rank { ", rank " (rank.place()) " of " (rank.of()) }
        }
        p.note.file { (visible(name)) }
    })
}

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use m2ib_attribution::Warning;

    use super::*;
    use crate::fixture;

    #[test]
    fn every_pair_has_a_card_and_words_of_its_own() {
        let mut overview = Overview::new();
        let image: DynamicImage = RgbImage::new(40, 30).into();
        let mut attribution = fixture::attribution(40, 30);
        overview.add("a.png", &attribution, &image).unwrap();
        attribution.warnings.push(Warning::FlatImageMap);
        overview.add("<b>.png", &attribution, &image).unwrap();
        assert_eq!((overview.len(), overview.is_empty()), (2, false));
        let page = overview.to_html();
        assert_eq!(page.matches("<article").count(), 2);
        assert_eq!(page.matches("hedgehog").count(), 2);
        assert!(!page.contains("<aside"), "no warning is of both");
        for part in [
            "pair-0-word-1",
            "pair-1-word-1",
            "&lt;b&gt;.png",
            "class=\"caution\"",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let ids: Vec<&str> = page
            .split("id=\"")
            .skip(1)
            .filter_map(|it| it.split('"').next())
            .collect();
        let distinct: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "no id twice");
        assert!(!page.contains("http://") && !page.contains("https://"));
        let other: DynamicImage = RgbImage::new(41, 30).into();
        assert!(overview.add("c.png", &attribution, &other).is_err());
    }
}
