//! Files that are often found where another is expected, known by their first bytes.
//!
//! "is not an image" helps nobody whose phone writes HEIC, or whose clone holds Git LFS pointers in
//! place of the files.

/// So many bytes tell what a file is.
pub const START: usize = 1024;

/// What a file is, and what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// "a HEIC picture".
    pub what: &'static str,
    /// "convert it to PNG or JPEG".
    pub advice: &'static str,
}

const LFS: Foreign = Foreign {
    what: "a Git LFS pointer in place of the file",
    advice: "run `git lfs pull` in its repository, or download the file itself",
};
const PAGE: Foreign = Foreign {
    what: "a web page",
    advice: "the page was saved in place of the file it shows: download the file itself",
};
const CONVERT: &str = "convert it to PNG or JPEG";
const EXPORT: &str =
    "export it as PNG or JPEG, or as a 16-bit PNG where its values are finer than 8 bits";
const UNPACK: &str = "unpack it and give the file within";
const FRAME: &str = "take a frame out of it and save it as PNG";
const PICKLE: &str =
    "it may hold weights by PyTorch: save them as safetensors (safetensors.torch.save_file)";

/// Beginnings that are enough by themselves.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (
        b"%PDF-",
        "a PDF document",
        "export the page or the figure as PNG",
    ),
    (b"%!PS", "a PostScript file", "export it as PNG"),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"\x1F\x8B", "a gzip archive", UNPACK),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xFD7zXZ\0", "an xz archive", UNPACK),
    (b"\x28\xB5\x2F\xFD", "a zstd archive", UNPACK),
    (b"\0\0\0\x0CjP  \r\n\x87\n", "a JPEG 2000 picture", CONVERT),
    (b"\xFF\x4F\xFF\x51", "a JPEG 2000 picture", CONVERT),
    (b"\0\0\0\x0CJXL \r\n\x87\n", "a JPEG XL picture", CONVERT),
    (b"\xFF\x0A", "a JPEG XL picture", CONVERT),
    (b"8BPS", "a Photoshop file", CONVERT),
    (b"\x76\x2F\x31\x01", "an OpenEXR picture", EXPORT),
    (b"#?RADIANCE", "a Radiance picture", EXPORT),
    (b"SIMPLE  =", "a FITS picture", EXPORT),
    (b"qoif", "a QOI picture", CONVERT),
    (b"DDS ", "a DDS texture", CONVERT),
    (b"\0\0\x01\0", "an icon", CONVERT),
    (b"FUJIFILMCCD-RAW", "a camera's raw picture", CONVERT),
    (b"gimp xcf", "a GIMP file", CONVERT),
    (b"\x1A\x45\xDF\xA3", "a video", FRAME),
    (b"\0\0\x01\xBA", "a video", FRAME),
    (
        b"\x89HDF\r\n\x1A\n",
        "an HDF5 file",
        "take the array out of it",
    ),
    (
        b"\x93NUMPY",
        "a NumPy array",
        "save it as PNG, with Pillow's Image.fromarray(array).save(file)",
    ),
    (
        b"GGUF",
        "a GGUF file",
        "take the model's model.safetensors in place of it",
    ),
    (b"\x80\x02", "a Python pickle", PICKLE),
    (b"\x80\x03", "a Python pickle", PICKLE),
    (b"\x80\x04", "a Python pickle", PICKLE),
    (b"\x80\x05", "a Python pickle", PICKLE),
    (b"SQLite format 3", "a database", "take the file out of it"),
];

/// What a file is by its first bytes, [`START`] of them at best, if it is one of those.
pub fn foreign(start: &[u8]) -> Option<Foreign> {
    let known = |what, advice| Some(Foreign { what, advice });
    if start.is_empty() {
        return known(
            "empty",
            "it may not have been written or downloaded to its end",
        );
    }
    if start.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Some(LFS);
    }
    if start.get(4..8) == Some(b"ftyp") {
        return Some(of_brand(start.get(8..12).unwrap_or_default()));
    }
    if start.get(128..132) == Some(b"DICM") || is_bare_dicom(start) {
        return known("a DICOM file", EXPORT);
    }
    if start.get(344..347) == Some(b"n+1") {
        return known("a NIfTI volume", "save a slice of it as PNG");
    }
    if start.starts_with(b"RIFF") && start.get(8..12) == Some(b"AVI ") {
        return known("a video", FRAME);
    }
    if start.starts_with(b"P")
        && start
            .get(1)
            .is_some_and(|kind| (b'1'..=b'7').contains(kind))
    {
        let next = start.get(2);
        if next.is_some_and(|byte| byte.is_ascii_whitespace()) {
            return known("a Netpbm picture", CONVERT);
        }
    }
    if let Some(foreign) = of_markup(start) {
        return Some(foreign);
    }
    let found = MAGIC.iter().find(|(magic, ..)| start.starts_with(magic));
    let &(_, what, advice) = found?;
    known(what, advice)
}

/// The pointer that Git LFS leaves in place of a file, if it is one.
pub(crate) fn lfs_pointer(start: &[u8]) -> Option<Foreign> {
    foreign(start).filter(|&found| found == LFS)
}

/// What the first box of an ISO media file says it is.
fn of_brand(brand: &[u8]) -> Foreign {
    let (what, advice) = match brand {
        b"avif" | b"avis" => ("an AVIF picture", CONVERT),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"mif2" | b"msf1" => {
            (
                "a HEIC picture, as phones write them",
                "convert it to PNG or JPEG; the phone or its photo program can export them",
            )
        }
        b"crx " => ("a camera's raw picture", CONVERT),
        b"jxl " => ("a JPEG XL picture", CONVERT),
        b"jp2 " => ("a JPEG 2000 picture", CONVERT),
        _ => ("a video", FRAME),
    };
    Foreign { what, advice }
}

/// DICOM without its preamble begins with an element of group 2 or 8, whose type is two capitals.
fn is_bare_dicom(start: &[u8]) -> bool {
    let group = matches!(start.get(..2), Some([2 | 8, 0]));
    let kind = start.get(4..6).unwrap_or_default();
    group && kind.len() == 2 && kind.iter().all(u8::is_ascii_uppercase)
}

fn of_markup(start: &[u8]) -> Option<Foreign> {
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    let text = text.trim_ascii_start();
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    if !text.starts_with('<') {
        return None;
    }
    let found = if text.contains("<svg") {
        Foreign {
            what: "an SVG drawing",
            advice: "export it as PNG",
        }
    } else if text.contains("<!doctype html") || text.contains("<html") || text.contains("<head") {
        PAGE
    } else {
        Foreign {
            what: "an XML document",
            advice: "it may be a server's error message saved in place of the file",
        }
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:3b\nsize 6\n",
        "Git LFS"
    )]
    #[case(b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC")]
    #[case(b"\0\0\0\x18ftypmif1\0\0\0\0heic", "HEIC")]
    #[case(b"\0\0\0\x1Cftypavif\0\0\0\0", "AVIF")]
    #[case(b"\0\0\0\x20ftypisom\0\0\x02\0", "video")]
    #[case(b"\x08\0\x05\0CS\x0A\0ISO_IR 100", "DICOM")]
    #[case(b"\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000")]
    #[case(b"<?xml version=\"1.0\"?>\n<svg xmlns", "SVG")]
    #[case(b"\n<!DOCTYPE html><html>", "web page")]
    #[case(b"<?xml version='1.0'?><Error><Code>AccessDenied", "XML")]
    #[case(b"%PDF-1.7", "PDF")]
    #[case(b"PK\x03\x04", "ZIP")]
    #[case(b"P6\n3 2\n255\n", "Netpbm")]
    #[case(b"", "empty")]
    fn files_are_called_what_they_are(#[case] start: &[u8], #[case] name: &str) {
        let what = foreign(start).unwrap().what;
        assert!(what.contains(name), "{what}");
    }

    #[test]
    fn dicom_is_known_behind_its_preamble() {
        let mut file = vec![0; 128];
        file.extend(b"DICM\x02\0\0\0UL");
        assert!(foreign(&file).unwrap().what.contains("DICOM"));
    }

    #[rstest]
    #[case(b"\x89PNG\r\n\x1A\n")]
    #[case(b"\xFF\xD8\xFF\xE0")]
    #[case(b"GIF89a")]
    #[case(b"RIFF\x10\0\0\0WEBPVP8 ")]
    #[case(b"BM\x36\0\0\0")]
    #[case(b"II*\0\x08\0\0\0")]
    #[case(b"{\"model_type\": \"clip\"}")]
    #[case(b"a caption\tcat.png\n")]
    fn what_is_read_here_is_nothing_foreign(#[case] start: &[u8]) {
        assert_eq!(foreign(start), None);
    }
}
