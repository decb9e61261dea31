//! Web data sets: tar files in which the members of one stem are a row, `KEY.jpg` with `KEY.txt` or
//! `KEY.json`.
//!
//! Only headers and captions are read; a picture is read from its place in the file when it is asked
//! for. The members of a row need not follow each other. A file that ends early is an error, whole
//! rows before its end or not: nobody could tell how many are missing.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use tar::{EntryType, Header, PaxExtensions};

use crate::error::{read_error, shard_error};
use crate::names::{CAPTION, EXTENSIONS, normal, without_number};
use crate::rows::Rows;
use crate::source_text::trimmed;
use crate::within::Within;
use crate::{DataResult, json_lines};

/// The unit that tar files are made of.
const BLOCK: u64 = 512;
/// A caption has no more bytes than this, and neither has what is said of a row in JSON.
const MAX_TEXT: u64 = 4 << 20;
/// No name of a member is longer.
const MAX_NAME: u64 = 1 << 16;

/// The members of one key.
#[derive(Debug, Default)]
struct Sample {
    key: String,
    image: Option<Picture>,
    caption: Option<Result<String, String>>,
    json: Option<Result<Map<String, Value>, String>>,
}

/// Where a row's picture is in the file.
#[derive(Debug, Clone)]
struct Picture {
    extension: String,
    start: u64,
    length: u64,
}

/// A row is called as its members are, without extensions.
pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let (samples, others) = samples(path)?;
    if !others.is_empty() {
        let others: Vec<String> = others.into_iter().take(5).collect();
        rows.note(format!(
            "members that end in {} are not used",
            others.join(", ")
        ));
    }
    let file: Arc<Path> = path.into();
    for sample in samples {
        let key = sample.key.clone();
        match object(&sample) {
            Err(reason) => rows.take(&key, Err(reason)),
            Ok((object, picture)) => {
                let Picture {
                    extension,
                    start,
                    length,
                } = picture;
                let name = format!("{}:{key}.{extension}", rows.source());
                let image = Within::bytes(name, file.clone(), start, length);
                json_lines::take_of(&key, object, image, rows);
            }
        }
    }
    Ok(())
}

/// What is said of a row, and where its image is.
fn object(sample: &Sample) -> Result<(Map<String, Value>, Picture), String> {
    let Some(image) = sample.image.clone() else {
        return Err("no image of its name is beside it".into());
    };
    let mut object = match &sample.json {
        Some(json) => json.clone()?,
        None => Map::new(),
    };
    if let Some(caption) = &sample.caption {
        let caption = caption.clone()?;
        object.retain(|name, _| !CAPTION.contains(&without_number(&normal(name))));
        object.insert("caption".into(), Value::String(caption));
    }
    match sample.json.is_none() && sample.caption.is_none() {
        true => Err("no .txt or .json file with its caption is beside it".into()),
        false => Ok((object, image)),
    }
}

/// All rows, and which extensions are none of a row's.
fn samples(path: &Path) -> DataResult<(Vec<Sample>, BTreeSet<String>)> {
    let mut archive = Archive::open(path)?;
    let mut samples: Vec<Sample> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut others = BTreeSet::new();
    while let Some(member) = archive.next()? {
        let (key, extension) = parted(&member.name);
        let last = extension.rsplit('.').next().unwrap_or_default();
        let is_image = EXTENSIONS.contains(&last);
        let is_text = ["txt", "text", "caption"].contains(&last);
        let is_json = last == "json";
        if !(is_image || is_text || is_json) {
            others.insert(format!(".{extension}"));
            continue;
        }
        let place = *places.entry(key.clone()).or_insert_with(|| {
            let key = key.clone();
            samples.push(Sample {
                key,
                ..Sample::default()
            });
            samples.len() - 1
        });
        let read = (is_text || is_json).then(|| archive.text(&member));
        let sample = &mut samples[place];
        if is_image && (sample.image.is_none() || last == extension) {
            sample.image = Some(Picture {
                extension: extension.clone(),
                start: member.start,
                length: member.length,
            });
        }
        if let Some(text) = read {
            let text = text?;
            match is_text {
                true => sample.caption = Some(text.map(|text| trimmed(&text).to_owned())),
                false => {
                    let parsed = text.and_then(|text| {
                        serde_json::from_str(&text).map_err(|error| format!("its .json: {error}"))
                    });
                    sample.json = Some(parsed);
                }
            }
        }
    }
    Ok((samples, others))
}

/// A member's key and its extension, in small letters: all from the first point of its name on.
fn parted(name: &str) -> (String, String) {
    let name = name.trim_start_matches("./");
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[start..].find('.') {
        // A name that begins with a point has no other key.
        None | Some(0) => (name.into(), String::new()),
        Some(point) => {
            let (key, extension) = name.split_at(start + point);
            (key.into(), extension[1..].to_lowercase())
        }
    }
}

/// A file in the archive.
struct Member {
    name: String,
    start: u64,
    length: u64,
}

/// An archive as far as it is read.
struct Archive<'a> {
    path: &'a Path,
    file: BufReader<File>,
    length: u64,
    /// The next header.
    place: u64,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> DataResult<Self> {
        let file = m2ib_files::open(path).map_err(read_error(path))?;
        let length = file.metadata().map_err(read_error(path))?.len();
        Ok(Self {
            path,
            file: BufReader::with_capacity(1 << 13, file),
            length,
            place: 0,
        })
    }

    /// The next file in it; links, folders and the like are passed over.
    fn next(&mut self) -> DataResult<Option<Member>> {
        let mut name = None;
        let mut size = None;
        loop {
            let at = self.place;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let broken = |reason: String| shard_error(self.path)(reason);
            let damaged =
                |error: std::io::Error| broken(format!("its header at byte {at}: {error}"));
            let kind = header.entry_type();
            let own = header.entry_size().map_err(damaged)?;
            let length = match kind {
                EntryType::Regular | EntryType::Continuous => size.take().unwrap_or(own),
                _ => own,
            };
            let start = at + BLOCK;
            let end = start.checked_add(length).filter(|&end| end <= self.length);
            let said = String::from_utf8_lossy(&header.path_bytes()).into_owned();
            let Some(end) = end else {
                return Err(broken(format!(
                    "it ends early: its member {said} should reach byte {}, and it has {} bytes; get \
                     it again, or leave it out",
                    start.saturating_add(length),
                    self.length
                )));
            };
            // Of a record of names, no more is read than a name can have.
            self.place = end.next_multiple_of(BLOCK);
            match kind {
                EntryType::GNULongName | EntryType::XHeader => {
                    if length > MAX_NAME {
                        return Err(broken(format!(
                            "the name of a member at byte {at} has {length} bytes, at most {MAX_NAME} \
                             are read"
                        )));
                    }
                    let bytes = self.bytes(start, length)?;
                    if kind == EntryType::GNULongName {
                        let text = String::from_utf8_lossy(&bytes);
                        name = Some(text.trim_end_matches('\0').to_owned());
                        continue;
                    }
                    for extension in PaxExtensions::new(&bytes) {
                        let extension =
                            extension.map_err(|error| broken(format!("at byte {at}: {error}")))?;
                        match (extension.key(), extension.value()) {
                            (Ok("path"), Ok(value)) => name = Some(value.into()),
                            (Ok("size"), Ok(value)) => size = value.parse().ok(),
                            _ => {}
                        }
                    }
                }
                EntryType::Regular | EntryType::Continuous => {
                    return Ok(Some(Member {
                        name: name.unwrap_or(said),
                        start,
                        length,
                    }));
                }
                _ => name = None,
            }
        }
    }

    /// The header at the place, none at the archive's end.
    fn header(&mut self) -> DataResult<Option<Header>> {
        if self.place >= self.length {
            return Err(shard_error(self.path)(match self.length {
                0 => "it is empty, expected a tar file".into(),
                length => format!(
                    "it ends early, at byte {length}, without the mark that ends a tar file; get it \
                     again, or leave it out"
                ),
            }));
        }
        let bytes = self.bytes(self.place, BLOCK.min(self.length - self.place))?;
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let place = self.place;
        let refused = |reason: String| Err(shard_error(self.path)(reason));
        if place == 0 && bytes.starts_with(b"\x1f\x8b") {
            return refused(
                "it is packed by gzip, in which no picture can be found without reading all before it; \
                 unpack it once with `gunzip`"
                    .into(),
            );
        }
        if bytes.len() < BLOCK as usize {
            return refused(match place {
                0 => "it is no tar file".into(),
                _ => format!("it ends early, within the header at byte {place}"),
            });
        }
        let header = Header::from_byte_slice(&bytes).clone();
        // Its own bytes count as spaces.
        let sum = bytes[..148].iter().chain(&bytes[156..]);
        let sum = sum.map(|&byte| u32::from(byte)).sum::<u32>() + 8 * u32::from(b' ');
        match header.cksum() {
            Ok(found) if found == sum => Ok(Some(header)),
            _ if place == 0 => refused("it is no tar file".into()),
            _ => refused(format!(
                "it is damaged: the header at byte {place} does not fit its checksum"
            )),
        }
    }

    /// A text among the members, or what is wrong with it.
    fn text(&mut self, member: &Member) -> DataResult<Result<String, String>> {
        if member.length > MAX_TEXT {
            let (found, most) = (member.length >> 20, MAX_TEXT >> 20);
            return Ok(Err(format!(
                "its text {} has {found} MiB, at most {most} MiB are read",
                member.name
            )));
        }
        let bytes = self.bytes(member.start, member.length)?;
        let text = String::from_utf8(bytes);
        Ok(text.map_err(|error| format!("its text {} is not UTF-8: {error}", member.name)))
    }

    fn bytes(&mut self, start: u64, length: u64) -> DataResult<Vec<u8>> {
        let failed = read_error(self.path);
        let now = self.file.stream_position().map_err(&failed)?;
        // Within what is buffered, nothing is read again.
        match i64::try_from(i128::from(start) - i128::from(now)) {
            Ok(step) => self.file.seek_relative(step).map_err(&failed)?,
            Err(_) => drop(self.file.seek(SeekFrom::Start(start)).map_err(&failed)?),
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes).map_err(&failed)?;
        Ok(bytes)
    }
}
