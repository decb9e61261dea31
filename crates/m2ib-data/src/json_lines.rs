//! A JSON object a line.

use std::path::Path;

use serde::Deserialize;

use crate::json::{Id, Lenient};
use crate::region::Rectangle;
use crate::rows::{Draft, Rows};
use crate::{DataResult, Region, lines};

#[derive(Debug, Deserialize)]
struct Line {
    id: Option<Id>,
    image: String,
    caption: String,
    /// `[x, y, width, height]` each.
    #[serde(default)]
    boxes: Vec<[f64; 4]>,
    /// Files.
    #[serde(default)]
    masks: Vec<String>,
    split: Option<String>,
}

pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    lines::each(path, |number, json| {
        let line = serde_json::from_slice::<Lenient<Line>>(json);
        let line = line.map_err(|error| error.to_string());
        match line.and_then(|line| line.0) {
            Err(reason) => rows.take(&number.to_string(), Err(reason)),
            Ok(line) => {
                let id = line.id.as_ref().map_or(number.to_string(), Id::to_string);
                let draft = draft(line, rows);
                rows.take(&id, draft);
            }
        }
    })
}

fn draft(line: Line, rows: &Rows) -> Result<Draft, String> {
    let boxes = line.boxes.into_iter();
    let boxes = boxes.map(|numbers| Rectangle::new(numbers).map(Region::Box));
    let masks = line.masks.iter().map(|mask| Ok(rows.mask_file(mask)));
    Ok(Draft {
        image: line.image,
        caption: line.caption,
        regions: boxes.chain(masks).collect::<Result<_, _>>()?,
        split: line.split,
    })
}
