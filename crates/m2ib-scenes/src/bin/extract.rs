//! `extract FONT FOLDER`: writes the bitmap of every class from a colour font to a folder, as the
//! PNG files that the font's `CBDT` table holds, unchanged.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use m2ib_scenes::classes;
use skrifa::bitmap::{BitmapData, BitmapFormat, BitmapStrikes};
use skrifa::instance::Size;
use skrifa::{FontRef, MetadataProvider};

#[expect(clippy::print_stdout, reason = "printing is this program's job")]
fn main() -> Result<()> {
    let [font, folder] = env::args_os()
        .skip(1)
        .map(PathBuf::from)
        .collect::<Vec<_>>()
        .try_into()
        .ok()
        .context("usage: extract FONT FOLDER")?;
    let bytes = fs::read(&font).with_context(|| format!("read {}", font.display()))?;
    let font = FontRef::new(&bytes).context("parse the font")?;
    let strikes = BitmapStrikes::with_format(&font, BitmapFormat::Cbdt)
        .context("the font has no CBDT table")?;
    fs::create_dir_all(&folder)?;
    let mut total = 0;
    for class in classes() {
        let glyph = font.charmap().map(class.code_point);
        let bitmap = glyph.and_then(|glyph| strikes.glyph_for_size(Size::unscaled(), glyph));
        let Some(BitmapData::Png(png)) = bitmap.map(|bitmap| bitmap.data) else {
            bail!("no bitmap of {} ({:?})", class.name, class.code_point);
        };
        let file = folder.join(format!("{:x}.png", u32::from(class.code_point)));
        fs::write(&file, png).with_context(|| format!("write {}", file.display()))?;
        total += png.len();
    }
    println!("{} bitmaps, {total} bytes", classes().len());
    Ok(())
}
