//! Flickr30k as it is handed out: `results.csv` and `results_20130124.token`.

use std::path::Path;

use crate::rows::{Draft, Rows};
use crate::{DataResult, table};

/// The first column of `results.csv`.
pub(super) const IMAGE_NAME: &str = "image_name";

/// Lines of `image| number| caption`, below a header. (In Kaggle's copy one line lacks a bar; it
/// becomes a failure.)
pub(super) fn read_results(path: &Path, rows: &mut Rows) -> DataResult<()> {
    table::each_line(path, '|', |line, cells| {
        let is_header = |cells: &Vec<String>| cells[0].trim() == IMAGE_NAME;
        if cells.as_ref().is_ok_and(is_header) {
            return;
        }
        let parts = cells.and_then(|cells| match cells.as_slice() {
            [image, number, caption @ ..] if !caption.is_empty() => {
                let id = format!("{}#{}", image.trim(), number.trim());
                Ok((id, pair(image, caption.join("|"))))
            }
            _ => Err(format!("it has {} of 3 columns", cells.len())),
        });
        take(line, parts, rows);
    })
}

/// Lines of `image#number`, tab, caption.
pub(super) fn read_token(path: &Path, rows: &mut Rows) -> DataResult<()> {
    table::each_line(path, '\t', |line, cells| {
        let parts = cells.and_then(|cells| match cells.as_slice() {
            [token, caption] if is_token(token) => {
                let token = token.trim().to_owned();
                let image = token.rsplit_once('#').map_or("", |(image, _)| image);
                let draft = pair(image, caption.clone());
                Ok((token, draft))
            }
            _ => Err("expected image#number, a tab and the caption".into()),
        });
        take(line, parts, rows);
    })
}

/// A row by its image and number, or a failure by its line.
fn take(line: usize, parts: Result<(String, Draft), String>, rows: &mut Rows) {
    match parts {
        Ok((id, draft)) => rows.take(&id, Ok(draft)),
        Err(reason) => rows.take(&line.to_string(), Err(reason)),
    }
}

/// Whether a cell is an image's name, `#` and a number.
pub(super) fn is_token(cell: &str) -> bool {
    let parts = cell.trim().rsplit_once('#');
    parts.is_some_and(|(image, number)| image.contains('.') && number.parse::<u32>().is_ok())
}

fn pair(image: &str, caption: String) -> Draft {
    Draft {
        image: image.into(),
        caption,
        ..Draft::default()
    }
}
