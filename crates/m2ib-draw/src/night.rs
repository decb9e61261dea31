//! Charts by day and by night: an SVG file follows the colours of whoever looks at it, on a page and by itself.

const GROUND: &str = "#FFFFFF";

/// Colours that are hard to see on a dark ground, and what takes their place there.
const NIGHT: [(&str, &str); 4] = [
    (GROUND, "#1c1e22"),
    ("#3C3C42", "#e9e8e4"),
    ("#B4500F", "#f09a5c"),
    ("#5A6E96", "#9db2dc"),
];

/// The same chart with its colours by night.
pub(crate) fn by_night(svg: &str) -> String {
    let rules = NIGHT.map(|(day, night)| {
        // White letters on a coloured cell are no ground.
        let ground = if day == GROUND { "rect" } else { "" };
        format!("{ground}[fill=\"{day}\"]{{fill:{night}}}[stroke=\"{day}\"]{{stroke:{night}}}")
    });
    let style = format!(
        "<style>@media (prefers-color-scheme:dark){{{}}}</style>",
        rules.concat()
    );
    match svg.split_once('>') {
        // Behind the element's own head.
        Some((head, rest)) if head.starts_with("<svg") => format!("{head}>{style}{rest}"),
        _ => svg.into(),
    }
}

/// The same chart with words for who cannot see it.
pub(crate) fn labelled(svg: &str, label: &str) -> String {
    let mut escaped = String::new();
    for letter in label.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    let head = format!("<svg role=\"img\" aria-label=\"{escaped}\" ");
    svg.replacen("<svg ", &head, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_text_whatever_is_in_it() {
        let chart = labelled("<svg width=\"1\"></svg>", "a < b > \"c\" & d");
        let both = by_night(&chart);
        let read = roxmltree::Document::parse(&both).unwrap();
        let label = read.root_element().attribute("aria-label");
        assert_eq!(label, Some("a < b > \"c\" & d"));
    }

    #[test]
    fn a_chart_says_its_colours_by_night_and_stays_what_it_was() {
        let day = "<svg width=\"1\">\n<rect fill=\"#FFFFFF\"/></svg>";
        let both = by_night(day);
        assert!(both.starts_with("<svg width=\"1\"><style>@media (prefers-color-scheme:dark){"));
        assert!(both.ends_with("</style>\n<rect fill=\"#FFFFFF\"/></svg>"));
        assert!(both.contains("{rect[fill=\"#FFFFFF\"]{fill:#1c1e22}"));
        assert_eq!(by_night(""), "");
    }
}
