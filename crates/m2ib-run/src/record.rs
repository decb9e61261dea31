//! What came of one row.

use m2ib::{Attribution, Warning};
use m2ib_data::{Row, RowFailure};
use m2ib_metrics::localisation;
use serde::{Deserialize, Serialize};

use crate::beside::best_box;

/// A row of the results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The row's place in the data set, from 0.
    pub place: u64,
    /// The row's key.
    pub id: String,
    /// What the image is called.
    pub image: String,
    /// The caption.
    pub caption: String,
    /// A digest of everything that the numbers depend on, the image's bytes among it.
    pub digest: String,
    /// What was found, or
    pub finding: Option<Finding>,
    /// why nothing could be.
    pub error: Option<String>,
    /// How long it took on its thread, from opening the image on.
    pub seconds: f32,
}

/// An explanation, without what all rows have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The cosine of the two embeddings.
    pub similarity: f32,
    /// How likely they belong together, by models that say so.
    pub probability: Option<f32>,
    /// Of the captions of the bank and the row's own, its place by similarity to the image, from 1.
    pub rank: Option<u32>,
    /// The caption's words.
    pub words: Vec<String>,
    /// What each of them carries.
    pub word_saliency: Vec<f32>,
    /// The map, row by row.
    pub map: Vec<f32>,
    /// Its rows and columns.
    pub grid: [u32; 2],
    /// Width and height of the image.
    pub size: [u32; 2],
    /// What the map covers, in the image's pixels: left, top, width, height.
    pub view: [f32; 4],
    /// The share of the image's saliency that lies on no patch.
    pub elsewhere: f32,
    /// Around the largest region that is at least half as hot as the hottest place: left, top, width,
    /// height in the image's pixels.
    pub best_box: Option<[f32; 4]>,
    /// Whether the hottest place lies where the data set says, 0 to 1 if there are several.
    pub pointing: Option<f32>,
    /// The share of the map that lies there.
    pub energy: Option<f32>,
    /// The share of the image that this is: what both would be by chance.
    pub area: Option<f32>,
    /// What is to be known before it is trusted.
    pub warnings: Vec<String>,
}

impl Record {
    /// Of a row that could not be explained.
    pub fn failed(place: u64, row: Result<&Row, &RowFailure>, reason: String) -> Self {
        Self {
            place,
            id: match row {
                Ok(row) => row.key.clone(),
                Err(failure) => failure.row.clone(),
            },
            image: row.map(|row| row.image.name()).unwrap_or_default(),
            caption: row.map(|row| row.caption.clone()).unwrap_or_default(),
            digest: String::new(),
            finding: None,
            error: Some(reason),
            seconds: 0.0,
        }
    }
}

impl Finding {
    /// What is kept of an explanation.
    ///
    /// # Errors
    /// [`m2ib_data::DataError`] for regions that do not fit the image.
    pub(crate) fn of(row: &Row, attribution: &Attribution) -> m2ib_data::DataResult<Self> {
        let image = &attribution.image;
        let view = &image.view;
        let size = [view.image_width, view.image_height];
        let words = attribution.text.words();
        let (rows, columns) = image.saliency().dim();
        let mask = row.mask(&row.regions, size[0], size[1])?;
        let against = mask.map(|mask| {
            let map = image.heat_map().values;
            let pointing = localisation::pointing(&map, &mask);
            let energy = localisation::energy(&map, &mask);
            [pointing, energy, localisation::area(&mask)].map(|value| value as f32)
        });
        // What is said of the model holds for all rows alike.
        let own = attribution.warnings.iter().filter(|warning| {
            !matches!(warning, Warning::Toy { .. } | Warning::UnusedTensors { .. })
        });
        Ok(Self {
            similarity: attribution.similarity,
            probability: attribution.probability,
            rank: attribution.rank.map(|rank| rank.place() as u32),
            word_saliency: words.iter().map(|word| word.saliency).collect(),
            words: words.into_iter().map(|word| word.text).collect(),
            map: image.saliency().iter().copied().collect(),
            grid: [rows as u32, columns as u32],
            size,
            view: [view.left, view.top, view.width, view.height].map(|edge| edge as f32),
            elsewhere: image.others_share(),
            best_box: best_box(image),
            pointing: against.map(|[pointing, _, _]| pointing),
            energy: against.map(|[_, energy, _]| energy),
            area: against.map(|[_, _, area]| area),
            warnings: own.map(Warning::to_string).collect(),
        })
    }
}
