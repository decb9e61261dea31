//! The image's side of an answer.

use m2ib::ndarray::Array2;
use m2ib::{ImageAttribution, RoleScore};
use serde::Serialize;

use super::{Named, Other, others};

/// The image's side.
#[derive(Debug, Serialize)]
pub(super) struct Map {
    rows: usize,
    columns: usize,
    /// `[rows][columns]`, in the unit.
    values: Vec<Vec<f32>>,
    #[serde(flatten)]
    unit: Named,
    /// What the coldest and the hottest colour stand for; null for a map without differences.
    scale: Option<[f32; 2]>,
    /// How many cells make the side of a patch.
    shifts: usize,
    /// What the model saw of the picture, in its pixels.
    view: Seen,
    /// Tokens that are no patches.
    others: Vec<Other>,
}

#[derive(Debug, Serialize)]
struct Seen {
    image_width: u32,
    image_height: u32,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Map {
    pub(super) fn of(image: &ImageAttribution) -> Self {
        let saliency = image.saliency();
        let (rows, columns) = saliency.dim();
        let view = image.view;
        Self {
            rows,
            columns,
            values: values(saliency),
            unit: image.unit.into(),
            scale: image.scale(),
            shifts: image.shifts.along(),
            view: Seen {
                image_width: view.image_width,
                image_height: view.image_height,
                left: view.left,
                top: view.top,
                width: view.width,
                height: view.height,
            },
            others: others(RoleScore::by_role(image.others.iter().copied())),
        }
    }
}

/// Row by row.
pub(super) fn values(map: &Array2<f32>) -> Vec<Vec<f32>> {
    map.rows().into_iter().map(|row| row.to_vec()).collect()
}
