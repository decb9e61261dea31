//! What the columns of tables and the keys of JSON are called.

/// Names of captions; the first that is there counts.
pub(super) const CAPTION: [&str; 16] = [
    "caption",
    "captions",
    "label_text",
    "text",
    "texts",
    "sentence",
    "sentences",
    "report",
    "description",
    "phrase",
    "comment",
    "image_text",
    "alt_text",
    "prompt",
    "title",
    "raw",
];

/// Names of images; local files before addresses.
pub(super) const IMAGE: [&str; 15] = [
    "image_path",
    "filepath",
    "file_path",
    "path",
    "image_file",
    "filename",
    "file_name",
    "image_name",
    "image",
    "img",
    "img_path",
    "file",
    "picture",
    "url",
    "image_url",
];

/// Extensions of images that can be opened.
pub(super) const EXTENSIONS: [&str; 12] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "jfi", "webp", "gif", "bmp", "dib", "tif", "tiff",
];

/// "Image Path" as "image_path".
pub(super) fn normal(name: &str) -> String {
    let name = crate::source_text::trimmed(name);
    name.to_lowercase().replace([' ', '-'], "_")
}

/// The name of one of several columns of one kind: "caption_2" and "Caption 2" as "caption".
pub(super) fn without_number(name: &str) -> &str {
    let bare = name.trim_end_matches(|char: char| char.is_ascii_digit());
    bare.strip_suffix('_').unwrap_or(bare)
}

/// Whether a cell ends like the name of an image, or is an address.
pub(super) fn is_image_path(cell: &str) -> bool {
    let cell = crate::source_text::trimmed(cell).to_lowercase();
    let extension = cell.rsplit_once('.').map(|(_, extension)| extension);
    cell.starts_with("http://")
        || cell.starts_with("https://")
        || extension.is_some_and(|found| EXTENSIONS.contains(&found))
}
