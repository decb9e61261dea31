//! The explorer's files, which are part of the program.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use m2ib::draw::PAGE_STYLE;

use crate::problem::Problem;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        ($name, $kind, include_str!(concat!("../assets/", $name)))
    };
}

const ASSETS: &[(&str, &str, &str)] = &[
    asset!("explorer.css", CSS),
    asset!("icon.svg", SVG),
    asset!("main.js", JS),
    asset!("ask.js", JS),
    asset!("captions.js", JS),
    asset!("compare.js", JS),
    asset!("dom.js", JS),
    asset!("extra.js", JS),
    asset!("heat.js", JS),
    asset!("history.js", JS),
    asset!("layers.js", JS),
    asset!("link.js", JS),
    asset!("outline.js", JS),
    asset!("path.js", JS),
    asset!("picture.js", JS),
    asset!("rather.js", JS),
    asset!("seeds.js", JS),
    asset!("settings.js", JS),
    asset!("shown.js", JS),
    asset!("together.js", JS),
    asset!("words.js", JS),
];

/// What it can do, for programs.
pub(crate) const OPEN_API: &str = include_str!("../assets/openapi.json");

/// The explorer's page.
pub(crate) async fn page() -> Response {
    told(HTML, include_str!("../assets/index.html"))
}

/// One of its files; names are compared, nothing is opened.
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|(known, ..)| *known == name);
    let asset = asset.map(|(_, kind, text)| match *kind {
        // As all of our pages begin.
        CSS => told(kind, format!("{PAGE_STYLE}{text}")),
        _ => told(kind, *text),
    });
    asset.ok_or_else(|| Problem::not_found("there is no such file"))
}

pub(crate) async fn open_api() -> Response {
    told("application/json", OPEN_API)
}

fn told(kind: &'static str, text: impl IntoResponse) -> Response {
    // Another version of the program may be next at this address.
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
