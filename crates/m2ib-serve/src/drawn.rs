//! Downloads: the picture under its map, the mask, the page, the numbers.

use std::io::Cursor;

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use m2ib::Attribution;
use m2ib::draw::{self, ColorMap};
use m2ib::image::{DynamicImage, ImageFormat};
use m2ib::segment::{self, Segmenter, Threshold};
use serde::Deserialize;

use crate::problem::Problem;

/// How a picture is drawn.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drawing {
    #[serde(default = "colors")]
    color_map: String,
    #[serde(default = "opacity")]
    opacity: f32,
    boxes: Option<f32>,
    pub(crate) beta: Option<f64>,
}

/// Which explanation of a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct At {
    pub(crate) beta: Option<f64>,
}

/// How a map is cut into a mask.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cut {
    #[serde(default)]
    threshold: Option<String>,
    regions: Option<usize>,
    pub(crate) beta: Option<f64>,
}

fn colors() -> String {
    ColorMap::default().name().into()
}

fn opacity() -> f32 {
    draw::OPACITY
}

/// Pages bring their own script and style, and their own policy for them: here they are files to
/// be kept, and if a browser shows one nevertheless, it does so without scripts and as of no site.
const KEPT: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'";

impl Drawing {
    /// That it makes sense, before the work.
    pub(crate) fn check(&self) -> Result<ColorMap, Problem> {
        let map = self.color_map.parse::<ColorMap>();
        let map = map.map_err(|error| Problem::senseless(error.to_string()))?;
        let shares = [
            ("opacity", self.opacity),
            ("boxes", self.boxes.unwrap_or(0.0)),
        ];
        match shares
            .into_iter()
            .find(|(_, share)| !(0.0..=1.0).contains(share))
        {
            Some((name, share)) => Err(Problem::senseless(format!(
                "{name} is {share}, expected a number from 0 to 1"
            ))),
            None => Ok(map),
        }
    }
}

impl Cut {
    /// That it makes sense, before the work.
    pub(crate) fn check(&self) -> Result<Segmenter, Problem> {
        let wrong = |error: segment::Error| Problem::senseless(error.to_string());
        let threshold = self.threshold.as_deref().map(str::parse::<Threshold>);
        let threshold = threshold.transpose().map_err(wrong)?;
        let segmenter = Segmenter {
            regions: self.regions,
            ..Segmenter::new(threshold.unwrap_or_default())
        };
        segmenter.check().map_err(wrong)
    }
}

/// The mask that a map is cut into, white on black, of the picture's size.
pub(crate) fn mask(attribution: &Attribution, segmenter: &Segmenter) -> Result<Response, Problem> {
    let mask = segmenter.cut(&attribution.image).to_picture();
    let mut bytes = Cursor::new(Vec::new());
    let written = mask.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| Problem::fault(error.to_string()))?;
    Ok(file("image/png", "m2ib-mask.png", bytes.into_inner()))
}

pub(crate) fn png(
    attribution: &Attribution,
    image: &DynamicImage,
    drawing: &Drawing,
    map: ColorMap,
) -> Result<Response, Problem> {
    let mut overlay = draw::overlay(attribution, image)
        .color_map(map)
        .opacity(drawing.opacity);
    if let Some(threshold) = drawing.boxes {
        overlay = overlay.hot_regions(threshold);
    }
    let failed = |error: &dyn std::error::Error| Problem::fault(m2ib_files::causes(error));
    let picture = overlay
        .render_with_caption()
        .map_err(|error| failed(&error))?;
    let mut bytes = Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| failed(&error))?;
    Ok(file("image/png", "m2ib.png", bytes.into_inner()))
}

pub(crate) fn html(attribution: &Attribution, image: &DynamicImage) -> Result<Response, Problem> {
    let page = draw::html(attribution, image);
    let page = page.map_err(|error| Problem::fault(m2ib_files::causes(&error)))?;
    Ok(file(
        "text/html; charset=utf-8",
        "m2ib.html",
        page.into_bytes(),
    ))
}

pub(crate) fn json(attribution: &Attribution) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec_pretty(attribution);
    let bytes = bytes.map_err(|error| Problem::fault(error.to_string()))?;
    Ok(file("application/json", "m2ib.json", bytes))
}

fn file(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let kept = format!("attachment; filename=\"{name}\"");
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, kind.into()),
        (header::CONTENT_DISPOSITION, kept),
        (header::CONTENT_SECURITY_POLICY, KEPT.into()),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}
