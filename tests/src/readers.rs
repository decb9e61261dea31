//! Everything that reads what somebody else has written, as functions of bytes.
//!
//! Whatever the bytes are, a reader takes them or refuses them in words that name the file; it does
//! not panic, hang, or fill the memory. `fuzz/` asks that of chance, guided by what is reached;
//! `tests/mutations.rs` of seeded mutations, with every run of the tests.

use std::cell::RefCell;
use std::error::Error;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clip_input::{CaptionTokenizer, Content, ImageProcessor, Recipe, decode_image};
use clip_model::clip::ClipConfig;
use clip_model::{ModelFiles, Towers, Weights};
use m2ib::{
    Attribution, Backend, Calibration, Config, Device, EncodedImage, EncodedText, Explainer,
    ImageRecord, Preset, TextRecord,
};
use m2ib_data::{DataFormat, Source};
use m2ib_eval::comparison::Finding;
use m2ib_eval::journal::{Journal, Outcome};
use m2ib_files::{causes, digest};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// A refusal, or nothing for what is taken.
pub type Refusal = Result<(), Box<dyn Error>>;

/// Reads bytes as one kind of file.
pub type Reader = fn(&[u8]) -> Refusal;

/// All readers by their names, which are those of the folders in `fuzz/corpus`.
pub const READERS: [(&str, Reader); 40] = [
    ("config", config),
    ("preprocessor", preprocessor),
    ("tokenizer", tokenizer),
    ("tokenizer-config", tokenizer_config),
    ("vocabulary", vocabulary),
    ("merges", merges),
    ("pieces", pieces),
    ("siglip-config", siglip_config),
    ("naflex-config", naflex_config),
    ("naflex-preprocessor", naflex_preprocessor),
    ("open-clip-config", open_clip_config),
    ("bert-config", bert_config),
    ("adapter-config", adapter_config),
    ("adapter", adapter),
    ("safetensors", safetensors),
    ("pickle", pickle),
    ("index", index),
    ("calibration-json", calibration_json),
    ("calibration-safetensors", calibration_safetensors),
    ("settings", settings),
    ("journal", journal),
    ("journal-entry", journal_entry),
    ("image-record", image_record),
    ("text-record", text_record),
    ("image", image),
    ("captions", captions),
    ("tsv", |bytes| rows(bytes, DataFormat::Tsv)),
    ("csv", |bytes| rows(bytes, DataFormat::Csv)),
    ("json-lines", |bytes| rows(bytes, DataFormat::JsonLines)),
    ("parquet", |bytes| rows(bytes, DataFormat::Parquet)),
    ("web-dataset", |bytes| rows(bytes, DataFormat::WebDataset)),
    ("results", results),
    ("run-manifest", run_manifest),
    ("coco-captions", |bytes| {
        rows(bytes, DataFormat::CocoCaptions)
    }),
    ("karpathy", |bytes| rows(bytes, DataFormat::Karpathy)),
    ("flickr-results", |bytes| {
        rows(bytes, DataFormat::FlickrResults)
    }),
    ("flickr-token", |bytes| rows(bytes, DataFormat::FlickrToken)),
    ("ref-coco", ref_coco),
    ("ref-coco-instances", ref_coco_instances),
    ("ms-cxr", |bytes| rows(bytes, DataFormat::MsCxr)),
];

/// Gives bytes to a reader and checks what it says.
///
/// # Panics
/// If the reader does, or if a refusal does not name the file, is longer than anybody reads, or
/// could steer a terminal that it is not cleaned for.
pub fn check(name: &str, bytes: &[u8]) {
    let reader = READERS.iter().find(|(known, _)| *known == name);
    let (_, read) = reader.expect("a reader of this name");
    if let Err(error) = read(bytes) {
        let text = causes(error.as_ref());
        assert!(text.contains(FILE), "{name} does not name the file: {text}");
        assert!(text.len() < LONGEST, "{name} says too much: {text}");
    }
}

/// What every file is called.
const FILE: &str = "mutated";
/// Bytes of a refusal: TOML's quotes a line of the file.
const LONGEST: usize = 16_000;
/// Larger pictures are only judged by their headers: to decode them takes a second each.
const MANY_PIXELS: u64 = 1 << 20;

static DEVICE: LazyLock<Device> =
    LazyLock::new(|| Backend::Cpu.device().expect("it is compiled in"));

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// A folder in memory, where the system has that: on a disk, most of the time would go with writing.
fn memory() -> std::io::Result<TempDir> {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => tempfile::tempdir_in(memory),
        _ => tempfile::tempdir(),
    }
}

/// Writes a file into this thread's folder and gives its path.
fn written(name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
    FOLDER.with_borrow_mut(|folder| {
        let folder = match folder {
            Some(folder) => folder,
            None => folder.insert(memory()?),
        };
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        std::fs::write(&path, bytes)?;
        Ok(path)
    })
}

fn config(bytes: &[u8]) -> Refusal {
    let config = ClipConfig::from_json(bytes, FILE)?;
    std::hint::black_box(format!("{config:?}"));
    Ok(())
}

fn preprocessor(bytes: &[u8]) -> Refusal {
    let processor = ImageProcessor::from_json(bytes, FILE)?;
    std::hint::black_box(processor.digest());
    // A model takes one size; what is much larger is refused with it.
    if let Some((width, height)) = processor.output_size()
        && width.max(height) <= 512
    {
        processor.process(&m2ib::image::DynamicImage::new_rgb8(7, 5));
    }
    Ok(())
}

fn tokenizer(bytes: &[u8]) -> Refusal {
    let path = written("mutated.json", bytes)?;
    let tokenizer = CaptionTokenizer::load(&Content::Path(path), 16)?;
    for caption in ["a photo of a hedgehog", "…", "猫 \u{200d}\0"] {
        // What it makes of them is its own matter.
        let _ = tokenizer.encode(caption);
    }
    Ok(())
}

fn tokenizer_config(bytes: &[u8]) -> Refusal {
    let tokenizer = include_bytes!("../../crates/m2ib-emoji/model/tokenizer.json");
    let path = written("mutated-tokenizer/tokenizer.json", tokenizer)?;
    written("mutated-tokenizer/tokenizer_config.json", bytes)?;
    CaptionTokenizer::load(&Content::Path(path), 16)?.pad_id();
    Ok(())
}

/// CLIP's older tokenizers in their two files.
fn byte_pair_files(vocabulary: &[u8], merges: &[u8]) -> Refusal {
    let vocabulary = Content::Path(written("mutated-pairs/vocab.json", vocabulary)?);
    let merges = Content::Path(written("mutated-pairs/merges.txt", merges)?);
    let made = clip_input::byte_pairs(&vocabulary, &merges)?;
    let _ = CaptionTokenizer::load(&made, 16)?.encode("a cat");
    Ok(())
}

const VOCABULARY: &[u8] = include_bytes!("../data/byte_pairs/vocab.json");
const MERGES: &[u8] = include_bytes!("../data/byte_pairs/merges.txt");

fn vocabulary(bytes: &[u8]) -> Refusal {
    byte_pair_files(bytes, MERGES)
}

fn merges(bytes: &[u8]) -> Refusal {
    byte_pair_files(VOCABULARY, bytes)
}

/// BERT's older tokenizers in their one file.
fn pieces(bytes: &[u8]) -> Refusal {
    let pieces = Content::Path(written("mutated-pieces/vocab.txt", bytes)?);
    let made = clip_input::word_pieces(&pieces)?;
    let _ = CaptionTokenizer::load(&made, 16)?.encode("a cat");
    Ok(())
}

/// Loads both towers of a folder with these files.
fn towers(folder: &str, files: &[(&str, &[u8])]) -> Refusal {
    let mut path = PathBuf::new();
    for (name, bytes) in files {
        path = written(&format!("{folder}/{name}"), bytes)?;
        // Back to the folder, from however deep.
        for _ in name.split('/') {
            path.pop();
        }
    }
    Towers::load(path, &DEVICE)?;
    Ok(())
}

/// A file of a case's model.
macro_rules! of_case {
    ($path:literal) => {
        include_bytes!(concat!("../data/families/", $path))
    };
}

fn siglip_config(bytes: &[u8]) -> Refusal {
    let weights = of_case!("siglip/model/model.safetensors");
    towers(
        "mutated-siglip",
        &[("config.json", bytes), ("model.safetensors", weights)],
    )
}

fn naflex_config(bytes: &[u8]) -> Refusal {
    let weights = of_case!("siglip2-naflex/model/model.safetensors");
    towers(
        "mutated-naflex",
        &[("config.json", bytes), ("model.safetensors", weights)],
    )
}

fn naflex_preprocessor(bytes: &[u8]) -> Refusal {
    let processor = ImageProcessor::by_recipe(bytes, FILE, Recipe::NaFlex { patch: 4 })?;
    // Enlarged a hundredfold at most.
    processor.process(&m2ib::image::DynamicImage::new_rgb8(7, 5));
    Ok(())
}

fn open_clip(config: &[u8], text: &[u8]) -> Refusal {
    towers(
        "mutated-open-clip",
        &[
            ("open_clip_config.json", config),
            (
                "config.json",
                of_case!("openclip-bert-mean/model/config.json"),
            ),
            (
                "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract/config.json",
                text,
            ),
            (
                "open_clip_model.safetensors",
                of_case!("openclip-bert-mean/model/open_clip_model.safetensors"),
            ),
        ],
    )
}

fn open_clip_config(bytes: &[u8]) -> Refusal {
    let text = of_case!(
        "openclip-bert-mean/model/microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract/config.json"
    );
    open_clip(bytes, text)
}

fn bert_config(bytes: &[u8]) -> Refusal {
    open_clip(
        of_case!("openclip-bert-mean/model/open_clip_config.json"),
        bytes,
    )
}

fn adapted(config: &[u8], weights: &[u8]) -> Refusal {
    let base = "mutated-adapter/model";
    written(
        &format!("{base}/config.json"),
        of_case!("clip-lora/model/config.json"),
    )?;
    let path = written(
        &format!("{base}/model.safetensors"),
        of_case!("clip-lora/model/model.safetensors"),
    )?;
    let adapter = written("mutated-adapter/adapter/adapter_config.json", config)?;
    written("mutated-adapter/adapter/adapter_model.safetensors", weights)?;
    let [base, adapter] = [&path, &adapter].map(|path| path.parent().unwrap_or(path));
    Towers::load_adapted(base, adapter, &DEVICE)?;
    Ok(())
}

fn adapter_config(bytes: &[u8]) -> Refusal {
    adapted(
        bytes,
        of_case!("clip-lora/adapter/adapter_model.safetensors"),
    )
}

fn adapter(bytes: &[u8]) -> Refusal {
    adapted(of_case!("clip-lora/adapter/adapter_config.json"), bytes)
}

fn pickle(bytes: &[u8]) -> Refusal {
    let path = written("mutated.pt", bytes)?;
    let mut weights = Weights::open(&[Content::Path(path)], &DEVICE)?;
    weights.tensor("visual.proj", [7, 5]);
    weights.tensor("token_embedding.weight", [6, 5]);
    weights.digest();
    weights.finish()?;
    Ok(())
}

fn safetensors(bytes: &[u8]) -> Refusal {
    let path = written("mutated.safetensors", bytes)?;
    let mut weights = Weights::open(&[Content::Path(path)], &DEVICE)?;
    weights.tensor("a", [2, 2]);
    weights.tensor("b", [3]);
    weights.digest();
    weights.finish()?;
    Ok(())
}

fn index(bytes: &[u8]) -> Refusal {
    let path = written("mutated/model.safetensors.index.json", bytes)?;
    written("mutated/one.safetensors", b"")?;
    written("mutated/two.safetensors", b"")?;
    ModelFiles::weights_in(path.parent().unwrap_or(Path::new(".")))?;
    Ok(())
}

fn calibration_json(bytes: &[u8]) -> Refusal {
    Calibration::load(written("mutated.json", bytes)?)?;
    Ok(())
}

fn calibration_safetensors(bytes: &[u8]) -> Refusal {
    Calibration::load(written("mutated.safetensors", bytes)?)?;
    Ok(())
}

fn settings(bytes: &[u8]) -> Refusal {
    Config::load(written("mutated.toml", bytes)?)?;
    Ok(())
}

/// The run that mutated journals are of.
const RUN: &str = "a run";

fn journal(bytes: &[u8]) -> Refusal {
    known(&written("mutated.jsonl", bytes)?)
}

/// A line with the right checksum, whatever is in it.
fn journal_entry(bytes: &[u8]) -> Refusal {
    let path = written("mutated.jsonl", b"")?;
    drop(Journal::<Finding>::open(&path, &RUN)?);
    let header = std::fs::read(&path)?;
    let sum = digest([bytes]);
    let before = format!("{{\"sum\":\"{sum}\",\"entry\":");
    let line = [before.as_bytes(), bytes, b"}\n"].concat();
    std::fs::write(&path, [header, line].concat())?;
    known(&path)
}

/// Reads a journal, and goes on with it.
fn known(path: &Path) -> Refusal {
    let mut journal = Journal::<Finding>::open(path, &RUN)?;
    let entries = journal.entries().collect::<Result<Vec<_>, _>>()?;
    for entry in &entries {
        journal.get(&entry.row, &entry.setting)?;
    }
    Ok(journal.append("row", "setting", Outcome::Failure("why".into()))?)
}

/// A pair by the embedded model in one step, and what explains it.
struct Kept {
    explainer: Explainer,
    image: EncodedImage,
    text: EncodedText,
}

static KEPT: LazyLock<Kept> = LazyLock::new(|| {
    let builder = Explainer::builder("emoji").preset(Preset::Fast);
    let explainer = builder.steps(1).samples(1).build();
    let explainer = explainer.expect("the embedded model");
    let scene = decode_image(m2ib::emoji::SCENES[0].png, "scene").expect("a picture");
    Kept {
        image: explainer.encode_image(&scene).expect("an encoding"),
        text: explainer
            .encode_text("a photo of a piano")
            .expect("an encoding"),
        explainer,
    }
});

/// An image and a caption as they are kept, in JSON.
///
/// # Errors
/// If the device fails.
pub fn records() -> Result<[Vec<u8>; 2], Box<dyn Error>> {
    let (image, text) = (KEPT.image.to_record()?, KEPT.text.to_record()?);
    Ok([serde_json::to_vec(&image)?, serde_json::to_vec(&text)?])
}

/// An encoding is no file until somebody writes it into one, and then names it.
fn kept<T: DeserializeOwned>(
    bytes: &[u8],
    explained: impl Fn(T) -> m2ib::Result<Attribution>,
) -> Refusal {
    // What serde says of it may show all of it.
    let record = serde_json::from_slice(bytes)
        .map_err(|error| format!("{FILE}: {:.200}", error.to_string()))?;
    let attribution = explained(record).map_err(|error| format!("{FILE}: {}", causes(&error)))?;
    assert!(!attribution.to_string().is_empty());
    Ok(())
}

fn image_record(bytes: &[u8]) -> Refusal {
    let Kept {
        explainer, text, ..
    } = &*KEPT;
    kept(bytes, |record: ImageRecord| {
        explainer.attribute_encoded(&explainer.restore_image(&record)?, text)
    })
}

fn text_record(bytes: &[u8]) -> Refusal {
    let Kept {
        explainer, image, ..
    } = &*KEPT;
    kept(bytes, |record: TextRecord| {
        explainer.attribute_encoded(image, &explainer.restore_text(&record)?)
    })
}

fn image(bytes: &[u8]) -> Refusal {
    let size = || {
        let reader = m2ib::image::ImageReader::new(Cursor::new(bytes)).with_guessed_format();
        let (width, height) = reader.ok()?.into_dimensions().ok()?;
        Some(u64::from(width) * u64::from(height))
    };
    // What panics here would there too.
    if let Ok(Some(pixels)) = m2ib_files::caught(size)
        && pixels > MANY_PIXELS
    {
        return Ok(());
    }
    decode_image(bytes, FILE)?;
    Ok(())
}

/// A text beside a picture.
fn captions(bytes: &[u8]) -> Refusal {
    written("mutated-folder/a.png", b"")?;
    let path = written("mutated-folder/a.txt", bytes)?;
    source(path.parent().unwrap_or(Path::new(".")), DataFormat::Folder)
}

fn rows(bytes: &[u8], format: DataFormat) -> Refusal {
    source(&written("mutated.data", bytes)?, format)
}

/// A file of a run's results.
fn results(bytes: &[u8]) -> Refusal {
    for records in m2ib_run::Reader::open(&written("mutated.parquet", bytes)?)? {
        records?;
    }
    Ok(())
}

fn run_manifest(bytes: &[u8]) -> Refusal {
    let path = written("mutated-run/run.json", bytes)?;
    m2ib_run::Folder::open(path.parent().unwrap_or(Path::new(".")))?;
    Ok(())
}

fn ref_coco(bytes: &[u8]) -> Refusal {
    let instances = include_bytes!("../../fuzz/corpus/ref-coco-instances/instances.json");
    written("mutated-coco/instances.json", instances)?;
    let path = written("mutated-coco/refs(unc).json", bytes)?;
    source(&path, DataFormat::RefCoco)
}

fn ref_coco_instances(bytes: &[u8]) -> Refusal {
    written("mutated-coco/instances.json", bytes)?;
    let refs = include_bytes!("../../fuzz/corpus/ref-coco/refs.json");
    let path = written("mutated-coco/refs(unc).json", refs)?;
    source(&path, DataFormat::RefCoco)
}

/// Reads a data set, of the format and of the one it seems to have, and what comes of it.
fn source(path: &Path, format: DataFormat) -> Refusal {
    // What it is taken for is another reader's matter.
    let _ = Source::new(path).read();
    let dataset = Source::new(path).format(format).read()?;
    let [_, held_out] = dataset.split(0.5, 0);
    for row in &dataset.sample(2, 0).rows {
        // The second is what the corpus says of its images.
        for [width, height] in [[64, 48], [12, 8]] {
            let _ = row.masks(&row.regions, width, height);
        }
    }
    std::hint::black_box((held_out.total(), dataset.fingerprint()));
    Ok(())
}
