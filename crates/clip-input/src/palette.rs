//! Whether a file's pixels are numbers of colours, told from its header as Pillow tells it: decoders hand
//! out colours alone.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use image::ImageFormat;

use crate::picture::Palette;

/// The palette of a file, if that is what Pillow would find; what is broken has none here, and is told by
/// its decoder. Where the file stands afterwards is not said.
pub(crate) fn palette(mut file: impl Read + Seek, format: ImageFormat) -> Option<Palette> {
    let found = match format {
        ImageFormat::Png => png(&mut file),
        ImageFormat::Gif => gif(&mut file),
        ImageFormat::Bmp => bmp(&mut file),
        _ => Ok(None),
    };
    found.ok().flatten()
}

fn at<const N: usize>(file: &mut (impl Read + Seek), place: u64) -> io::Result<[u8; N]> {
    file.seek(SeekFrom::Start(place))?;
    next(file)
}

fn next<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// So many colours, of which the file may hold fewer.
fn colours(file: &mut impl Read, count: usize, bytes_of_one: usize) -> io::Result<Vec<[u8; 3]>> {
    let mut bytes = Vec::new();
    let length = (count * bytes_of_one) as u64;
    file.take(length).read_to_end(&mut bytes)?;
    let colours = bytes.chunks_exact(bytes_of_one);
    Ok(colours
        .map(|colour| [colour[0], colour[1], colour[2]])
        .collect())
}

/// Every file with a palette, and those of one bit.
fn png(file: &mut (impl Read + Seek)) -> io::Result<Option<Palette>> {
    /// Far more than stand before a palette in any file that is meant well.
    const CHUNKS: usize = 10_000;
    let [depth, colour] = at(file, 24)?;
    match (depth, colour) {
        (1, 0) => return Ok(Some(Palette::black_and_white())),
        (_, 3) => {}
        _ => return Ok(None),
    }
    let mut place = 33;
    for _ in 0..CHUNKS {
        let [a, b, c, d, kind @ ..]: [u8; 8] = at(file, place)?;
        let length = u32::from_be_bytes([a, b, c, d]);
        match &kind {
            b"PLTE" => {
                let count = (length as usize / 3).min(256);
                return Ok(Some(Palette::new(colours(file, count, 3)?)));
            }
            b"IDAT" | b"IEND" => break,
            _ => place += u64::from(length) + 12,
        }
    }
    Ok(None)
}

/// Every file whose first picture has a palette that is more than all greys in order.
fn gif(file: &mut (impl Read + Seek)) -> io::Result<Option<Palette>> {
    /// A block has at most 255 bytes, and what stands before the first picture few of them.
    const BLOCKS: usize = 1 << 20;
    let table = |file: &mut _, flags: u8| match flags & 0x80 {
        0 => Ok(None),
        _ => colours(file, 2 << (flags & 7), 3).map(Some),
    };
    let needed = |colours: Vec<[u8; 3]>| {
        let mut numbered = colours.iter().enumerate();
        let greys = numbered.all(|(number, colour)| *colour == [number as u8; 3]);
        (!greys).then(|| Palette::new(colours))
    };
    let [flags] = at(file, 10)?;
    file.seek(SeekFrom::Start(13))?;
    let global = table(file, flags)?;
    for _ in 0..BLOCKS {
        match next(file)? {
            // An extension: its label, and blocks until an empty one.
            [b'!'] => {
                let [_label] = next(file)?;
                skip_blocks(file, BLOCKS)?;
            }
            [b','] => {
                let [.., flags]: [u8; 9] = next(file)?;
                let own = table(file, flags)?;
                return Ok(own.or(global).and_then(needed));
            }
            [b';'] => break,
            // Pillow too passes over what it does not know.
            _ => {}
        }
    }
    Ok(None)
}

fn skip_blocks(file: &mut (impl Read + Seek), most: usize) -> io::Result<()> {
    for _ in 0..most {
        match next(file)? {
            [0] => return Ok(()),
            [length] => file.seek(SeekFrom::Current(length.into()))?,
        };
    }
    Err(ErrorKind::InvalidData.into())
}

/// Every file of up to eight bits, unless its palette is all greys in order.
fn bmp(file: &mut (impl Read + Seek)) -> io::Result<Option<Palette>> {
    /// What the header of OS/2 has.
    const SHORT: u32 = 12;
    let header = u32::from_le_bytes(at(file, 14)?);
    let (bits_at, bytes_of_one) = match header {
        SHORT => (24, 3),
        _ => (28, 4),
    };
    let bits = u16::from_le_bytes(at(file, bits_at)?);
    if !matches!(bits, 1 | 4 | 8) {
        return Ok(None);
    }
    let said = match header {
        SHORT => 0,
        _ => u32::from_le_bytes(at(file, 46)?),
    };
    let count = match said {
        0 => 1 << bits,
        said => said.min(256) as usize,
    };
    file.seek(SeekFrom::Start(14 + u64::from(header)))?;
    // Blue first.
    let colours = colours(file, count, bytes_of_one)?;
    let colours = colours
        .into_iter()
        .map(|[blue, green, red]| [red, green, blue]);
    let colours: Vec<_> = colours.collect();
    let level = |number: usize| match count {
        2 => 255 * number,
        _ => number,
    };
    let mut numbered = colours.iter().enumerate();
    let greys = numbered.all(|(number, colour)| *colour == [level(number) as u8; 3]);
    Ok(match (greys, count) {
        (true, 2) => Some(Palette::black_and_white()),
        (true, _) => None,
        (false, _) => Some(Palette::new(colours)),
    })
}
