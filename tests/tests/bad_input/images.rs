//! Pictures.

use super::*;

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = open_image("no/such/dog.png").unwrap_err().to_string();
    assert_says(&error, &["cannot read no/such/dog.png", "No such file"]);
}

#[rstest]
#[case::text(b"hello, this is a caption")]
#[case::zip(b"PK\x03\x04 not a picture at all")]
#[case::empty(b"")]
fn what_is_no_image_is_told_what_is(#[case] bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dog.png");
    std::fs::write(&path, bytes).unwrap();
    let error = open_image(&path).unwrap_err().to_string();
    assert_says(
        &error,
        &[
            "dog.png is not an image",
            "PNG, JPEG, WebP, GIF, BMP and TIFF",
        ],
    );
}

#[rstest]
fn a_truncated_image_is_an_error_wherever_it_ends(
    #[values(
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff
    )]
    format: ImageFormat,
) {
    let whole = encoded(format);
    assert!(decode_image(&whole, "whole").is_ok());
    for tenths in 1..9 {
        let part = &whole[..whole.len() * tenths / 10];
        let error = decode_image(part, "half.img")
            .map(|_| tenths)
            .unwrap_err()
            .to_string();
        assert_says(&error, &["half.img"]);
        let told = error.contains("truncated or damaged") || error.contains("is not an image");
        assert!(told, "{error}");
    }
}

#[test]
fn one_pixel_is_an_image_and_is_explained() {
    let explainer = builder().build().unwrap();
    for image in [
        DynamicImage::new_rgb8(1, 1),
        DynamicImage::new_luma_a8(1, 1),
    ] {
        let attribution = explainer.attribute(&image, "a piano").unwrap();
        assert_finite(&attribution);
        assert_eq!(attribution.image.heat_map().values.dim(), (1, 1));
    }
}

#[test]
fn slivers_are_explained() {
    let explainer = builder().build().unwrap();
    for (width, height) in [(1, 5000), (5000, 1)] {
        let image = DynamicImage::new_rgb8(width, height);
        assert_finite(&explainer.attribute(&image, "a piano").unwrap());
    }
}

/// The file with 30,000 × 30,000 in its header.
fn claiming_too_much(format: ImageFormat) -> Vec<u8> {
    const SIDE: u32 = 30_000;
    let mut bytes = encoded(format);
    match format {
        ImageFormat::Png => {
            bytes[16..20].copy_from_slice(&SIDE.to_be_bytes());
            bytes[20..24].copy_from_slice(&SIDE.to_be_bytes());
            let checksum = crc32(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        }
        ImageFormat::Jpeg => {
            let frame = bytes
                .windows(2)
                .position(|marker| marker == [0xFF, 0xC0])
                .unwrap();
            bytes[frame + 5..frame + 7].copy_from_slice(&(SIDE as u16).to_be_bytes());
            bytes[frame + 7..frame + 9].copy_from_slice(&(SIDE as u16).to_be_bytes());
        }
        ImageFormat::Gif => {
            bytes[6..8].copy_from_slice(&(SIDE as u16).to_le_bytes());
            bytes[8..10].copy_from_slice(&(SIDE as u16).to_le_bytes());
        }
        ImageFormat::Bmp => {
            bytes[18..22].copy_from_slice(&SIDE.to_le_bytes());
            bytes[22..26].copy_from_slice(&SIDE.to_le_bytes());
        }
        ImageFormat::WebP => {
            // Only the extended header has sides of more than 14 bits: three bytes each, less 1.
            let side = &(SIDE - 1).to_le_bytes()[..3];
            let extended = [b"VP8X", &10u32.to_le_bytes()[..], &[0; 4], side, side].concat();
            bytes.splice(12..12, extended);
            let length = bytes.len() as u32 - 8;
            bytes[4..8].copy_from_slice(&length.to_le_bytes());
        }
        _ => {
            // TIFF: every directory entry that states a side.
            let at = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
            let entries = u16::from_le_bytes([bytes[at], bytes[at + 1]]) as usize;
            for entry in (0..entries).map(|index| at + 2 + 12 * index) {
                let tag = u16::from_le_bytes([bytes[entry], bytes[entry + 1]]);
                if [256, 257, 278].contains(&tag) {
                    bytes[entry + 2..entry + 4].copy_from_slice(&4u16.to_le_bytes());
                    bytes[entry + 8..entry + 12].copy_from_slice(&SIDE.to_le_bytes());
                }
            }
        }
    }
    bytes
}

/// PNG's checksum, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[rstest]
fn a_header_that_claims_30000_by_30000_is_refused(
    #[values(
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff
    )]
    format: ImageFormat,
) {
    let error = decode_image(&claiming_too_much(format), "huge.img")
        .unwrap_err()
        .to_string();
    assert_says(
        &error,
        &["huge.img claims 30000×30000 pixels", "at most 200000000"],
    );
}
