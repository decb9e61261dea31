//! Image files to pixels: format by content, size checked before anything is allocated, EXIF
//! orientation applied.

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use image::error::ImageError;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::foreign::START;
use crate::picture::Palette;
use crate::{Error, Picture, Result, foreign, jpeg, palette};

/// Images with more pixels than this are refused from their header alone.
pub const MAX_PIXELS: u64 = 200_000_000;

/// Images with a longer side than this are refused too: of a sliver, next to nothing is seen, and what is
/// drawn of it must be wide enough for words.
pub const MAX_SIDE: u32 = 100_000;

/// Bytes that what goes with the pixels may take, such as colour profiles, which may be packed to a
/// thousandth.
const MAX_METADATA: u64 = 64 << 20;

/// The widest pixel that is decoded: four channels of f32.
const MAX_PIXEL_BYTES: u64 = 16;

/// Reads a PNG, JPEG, WebP, GIF (first frame), BMP or TIFF file, upright.
///
/// # Errors
/// [`Error::Read`], [`Error::NotAnImage`], [`Error::BrokenImage`], [`Error::ImageTooLarge`],
/// [`Error::ImageTooLong`].
pub fn open_image(path: impl AsRef<Path>) -> Result<Picture> {
    let path = path.as_ref();
    let read_error = |reason| Error::Read {
        path: path.into(),
        reason,
    };
    let file = m2ib_files::open(path).map_err(read_error)?;
    decode(BufReader::new(file), &path.display().to_string())
}

/// Decodes an image held in memory; `name` stands for it in errors.
///
/// # Errors
/// As [`open_image`].
pub fn decode_image(bytes: &[u8], name: &str) -> Result<Picture> {
    decode(Cursor::new(bytes), name)
}

/// A decoder that panics has met a file that is broken in a way it was not written for.
fn decode(file: impl BufRead + Seek, name: &str) -> Result<Picture> {
    m2ib_files::caught(|| decode_unguarded(file, name)).unwrap_or_else(|reason| {
        Err(Error::BrokenImage {
            file: name.into(),
            reason: format!("its decoder gave up ({reason})"),
        })
    })
}

fn decode_unguarded(mut file: impl BufRead + Seek, name: &str) -> Result<Picture> {
    let not_an_image = |reason: String| Error::NotAnImage {
        file: name.into(),
        reason,
    };
    let broken = |reason: String| Error::BrokenImage {
        file: name.into(),
        reason,
    };
    let start = start_of(&mut file).map_err(|error| not_an_image(error.to_string()))?;
    let Ok(format) = image::guess_format(&start) else {
        return Err(not_an_image(match foreign(&start) {
            Some(found) => format!("it is {}; {}", found.what, found.advice),
            None => "its first bytes are of no known format".into(),
        }));
    };
    if !READ.contains(&format) {
        let found = foreign(&start).map(|found| format!("{}; {}", found.what, found.advice));
        let found = found.unwrap_or_else(|| format!("{format:?}; convert it to PNG or JPEG"));
        return Err(not_an_image(format!("it is {found}")));
    }
    if format != ImageFormat::Jpeg {
        return pixels(file, format, name);
    }
    let unread = |error: io::Error| broken(error.to_string());
    let whole = jpeg::is_whole(&mut file).map_err(unread)?;
    file.rewind().map_err(unread)?;
    if whole {
        return pixels(file, format, name);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unread)?;
    let truncated = || broken("it ends before its end marker".into());
    let [completed, noisy @ ..] = jpeg::completed(&bytes).ok_or_else(truncated)?;
    let image = pixels(Cursor::new(&completed), format, name)?;
    let same = |noisy: &Vec<u8>| {
        let other = pixels(Cursor::new(noisy), format, name);
        other.is_ok_and(|other| other == image)
    };
    match noisy.iter().all(same) {
        true => Ok(image),
        false => Err(truncated()),
    }
}

/// The formats that are read.
const READ: [ImageFormat; 6] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
];

/// Whether a file that begins so is an image of a format that is read.
pub fn is_image(start: &[u8]) -> bool {
    image::guess_format(start).is_ok_and(|format| READ.contains(&format))
}

/// Enough of a file's beginning to tell what it is; the file is at its beginning afterwards.
fn start_of(file: &mut (impl BufRead + Seek)) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref().take(START as u64).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

/// The pixels of a file that is of this format, upright.
fn pixels(mut file: impl BufRead + Seek, format: ImageFormat, name: &str) -> Result<Picture> {
    let palette = palette::palette(&mut file, format);
    file.rewind().map_err(|error| Error::BrokenImage {
        file: name.into(),
        reason: error.to_string(),
    })?;
    let mut reader = ImageReader::with_format(file, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_METADATA);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| refine(error, name))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::ImageTooLarge {
            file: name.into(),
            width,
            height,
            limit: MAX_PIXELS,
        });
    }
    if width.max(height) > MAX_SIDE {
        return Err(Error::ImageTooLong {
            file: name.into(),
            width,
            height,
            limit: MAX_SIDE,
        });
    }
    if width == 0 || height == 0 {
        return Err(Error::NotAnImage {
            file: name.into(),
            reason: format!("it has {width}×{height} pixels"),
        });
    }
    // What passed is decoded whatever its pixels are made of; the default is 512 MiB.
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * MAX_PIXEL_BYTES);
    decoder
        .set_limits(limits)
        .map_err(|error| refine(error, name))?;
    // A decoder that hands out colours says of black and white alone what they were.
    let palette = match decoder.original_color_type() {
        ExtendedColorType::L1 => Some(Palette::black_and_white()),
        _ => palette,
    };
    let orientation = decoder.orientation().map_err(|error| refine(error, name))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| refine(error, name))?;
    image.apply_orientation(orientation);
    Ok(Picture::new(image, palette))
}

fn refine(error: ImageError, name: &str) -> Error {
    match error {
        ImageError::Limits(error) => Error::ImageBeyondLimits {
            file: name.into(),
            reason: error.to_string(),
            side: MAX_SIDE,
            metadata: MAX_METADATA >> 20,
        },
        ImageError::Unsupported(error) => Error::NotAnImage {
            file: name.into(),
            reason: error.to_string(),
        },
        error => Error::BrokenImage {
            file: name.into(),
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use image::{Rgb, RgbImage};
    use rstest::rstest;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn gradient() -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_fn(9, 6, |x, y| {
            Rgb([x as u8 * 20, y as u8 * 30, 9])
        }))
    }

    #[rstest]
    #[case(ImageFormat::Png, 0)]
    #[case(ImageFormat::WebP, 0)]
    #[case(ImageFormat::Bmp, 0)]
    #[case(ImageFormat::Tiff, 0)]
    #[case(ImageFormat::Gif, 12)]
    #[case(ImageFormat::Jpeg, 40)]
    fn every_format_is_known_by_its_content(#[case] format: ImageFormat, #[case] tolerance: u8) {
        let image = gradient();
        let decoded = decode_image(&encoded(&image, format), "x")
            .unwrap()
            .to_rgb8();
        assert_eq!(decoded.dimensions(), (9, 6));
        let original = image.to_rgb8();
        let worst = decoded
            .iter()
            .zip(original.iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(worst.unwrap() <= tolerance, "{worst:?}");
    }

    #[test]
    fn what_is_no_image_is_told_from_what_is_broken() {
        for bytes in [&b""[..], b"hello, world", b"\x89PN"] {
            let error = decode_image(bytes, "notes.txt").unwrap_err();
            assert!(matches!(error, Error::NotAnImage { .. }), "{error}");
            assert!(error.to_string().contains("notes.txt"), "{error}");
        }
        let whole = encoded(&gradient(), ImageFormat::Png);
        let error = decode_image(&whole[..whole.len() / 2], "half.png").unwrap_err();
        assert!(matches!(error, Error::BrokenImage { .. }), "{error}");
        assert!(matches!(
            open_image("/nowhere.png"),
            Err(Error::Read { .. })
        ));
        assert!(matches!(
            open_image(std::env::temp_dir()),
            Err(Error::Read { .. })
        ));
    }

    #[test]
    fn what_is_known_but_not_read_is_named() {
        for (bytes, name) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF"),
            (b"P6\n1 1\n255\n123", "Netpbm"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                "Git LFS",
            ),
            (b"<html><body>Not found</body></html>", "a web page"),
        ] {
            let error = decode_image(bytes, "photo.png").unwrap_err();
            assert!(matches!(error, Error::NotAnImage { .. }), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn a_jpeg_without_its_end_marker_is_read_if_all_of_it_is_there() {
        let picture = RgbImage::from_fn(61, 47, |x, y| {
            Rgb([x as u8 * 4, y as u8 * 5, (x * y) as u8])
        });
        is_read_if_all_of_it_is_there(&encoded(&picture.into(), ImageFormat::Jpeg));
        // Ten scans, as libjpeg-turbo cuts it: the end of the last is tried, and the file without it.
        is_read_if_all_of_it_is_there(include_bytes!("../tests/data/progressive.jpg"));
    }

    fn is_read_if_all_of_it_is_there(whole: &[u8]) {
        let image = decode_image(whole, "whole.jpg").unwrap();
        let scan = &whole[..whole.len() - 2];
        let trailer = b"\0\0SEFT\x12\x34trailer of a phone".as_slice();
        for behind in [
            &b""[..],
            trailer,
            b"\xFF\xE5 other data",
            b"\xFF\xD8\xFF\xDB",
        ] {
            let file = [scan, behind].concat();
            assert_eq!(
                decode_image(&file, "phone.jpg").unwrap(),
                image,
                "{behind:?}"
            );
        }
        for missing in [1, 2, 3, 4, 10, 100, whole.len() / 2] {
            let part = &scan[..scan.len() - missing];
            for file in [part.to_vec(), [part, b"\xFF\xE5 other data"].concat()] {
                match decode_image(&file, "half.jpg") {
                    // The last byte may be filled up with nothing.
                    Ok(read) => assert!(missing == 1 && read == image, "{missing}"),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains("half.jpg"), "{error}");
                        assert!(error.contains("truncated"), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_header_that_claims_too_much_is_refused_before_allocation() {
        let mut png = encoded(&gradient(), ImageFormat::Png);
        // Width and height of IHDR, and its checksum.
        png[16..20].copy_from_slice(&30_000u32.to_be_bytes());
        png[20..24].copy_from_slice(&30_000u32.to_be_bytes());
        let mut crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&{
            crc = crc.swap_bytes();
            crc.to_le_bytes()
        });
        let error = decode_image(&png, "huge.png").unwrap_err().to_string();
        assert!(
            error.contains("30000×30000") && error.contains("huge.png"),
            "{error}"
        );
    }

    /// A chunk of a PNG file.
    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_be_bytes();
        let body = [&kind[..], content].concat();
        let sum = crc32(&body).to_be_bytes();
        [&length[..], &body, &sum].concat()
    }

    /// A PNG file of these chunks behind a header of 8-bit colours out of a palette.
    fn png(width: u32, height: u32, colour: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
        let sizes = [width.to_be_bytes(), height.to_be_bytes()].concat();
        let header = [&sizes[..], &[8, colour, 0, 0, 0]].concat();
        let start = [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header)].concat();
        [start, chunks.concat(), chunk(b"IEND", b"")].concat()
    }

    #[test]
    fn a_palette_that_ends_within_a_colour_is_an_error() {
        // One pixel, deflated.
        let pixel = b"\x78\x9c\x63\x60\x00\x00\x00\x02\x00\x01";
        for length in 1..=12 {
            let palette = chunk(b"PLTE", &vec![9; length]);
            let image = png(1, 1, 3, &[palette, chunk(b"IDAT", pixel)]);
            match decode_image(&image, "short.png") {
                Ok(image) => assert_eq!(image.width(), 1, "{length}"),
                Err(error) => assert!(error.to_string().contains("short.png"), "{error}"),
            }
        }
    }

    #[test]
    fn a_sliver_is_refused_before_allocation() {
        for (width, height) in [(1, 6_000_000), (200_000_000, 1)] {
            let image = png(width, height, 0, &[chunk(b"IDAT", b"")]);
            let error = decode_image(&image, "sliver.png").unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("sliver.png") && text.contains("100000"),
                "{text}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_said() {
        let error = open_image("/dev/zero").unwrap_err().to_string();
        assert!(error.contains("it is a device"), "{error}");
    }

    /// PNG's checksum, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }

    #[test]
    fn exif_orientation_turns_the_image_upright() {
        let jpeg = encoded(&gradient(), ImageFormat::Jpeg);
        // An APP1 segment after the start marker: big-endian TIFF, one entry, orientation 6
        // (the camera was held so that the picture must be turned by 90°).
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut turned = jpeg[..2].to_vec();
        turned.extend([0xFF, 0xE1]);
        turned.extend((exif.len() as u16 + 2).to_be_bytes());
        turned.extend(exif);
        turned.extend(&jpeg[2..]);
        let image = decode_image(&turned, "turned.jpg").unwrap();
        assert_eq!((image.width(), image.height()), (6, 9));
    }

    #[test]
    fn a_file_is_opened_by_content_whatever_its_extension() {
        let mut file = tempfile::Builder::new().suffix(".jpg").tempfile().unwrap();
        file.write_all(&encoded(&gradient(), ImageFormat::Png))
            .unwrap();
        assert_eq!(open_image(file.path()).unwrap().width(), 9);
    }
}
