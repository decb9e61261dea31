//! What every page of ours is within: its head, and the rules that the browser holds it to.

use maud::{DOCTYPE, PreEscaped, html};

/// The style that all pages of ours begin with: colours by day and by night, the column of text, boxes and
/// tables.
pub const PAGE_STYLE: &str = include_str!("../common.css");

/// A script for pages of tables and pictures: tables are sorted by their headings, and what is in
/// `.pictures`
/// or a card grows to the window. Without it they are as they are.
pub const LOOK_CLOSER: &str = include_str!("../look_closer.js");

/// Has the browser itself refuse whatever would leave the page, should anything slip through.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'";
/// And scripts only where the page has one.
const SCRIPTED: &str = "; script-src 'unsafe-inline'";

/// A page that needs nothing else: no network, no other files. [`PAGE_STYLE`] comes first, `style` behind it;
/// `main` is markup and written as it is, as `style` and `script` are; `title` is plain text. Without a
/// script, the browser runs none.
///
/// ```
/// let page = m2ib_draw::page("a < b", "", "", "<h1>Less</h1>");
/// assert!(page.contains("<title>a &lt; b</title>") && page.contains("<main><h1>Less</h1></main>"));
/// assert!(!page.contains("script"));
/// ```
pub fn page(title: &str, style: &str, script: &str, main: &str) -> String {
    let scripts = if script.is_empty() { "" } else { SCRIPTED };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(format!("{POLICY}{scripts}"));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Without one, browsers ask the server for a favicon.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(PAGE_STYLE)) (PreEscaped(style)) }
            }
            body {
                main { (PreEscaped(main)) }
                @if !script.is_empty() { script { (PreEscaped(script)) } }
            }
        }
    };
    page.into_string()
}
