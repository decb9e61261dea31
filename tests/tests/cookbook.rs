//! docs/cookbook.md: its programs are those of `cookbook/`, which run here and make its pictures.
//!
//! `M2IB_COOKBOOK=docs/cookbook` copies the pictures there, where the document shows them.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.
#![allow(clippy::print_stdout)] // The programs say what they found.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Programs write where they are run, and a process is in one folder at a time.
static PLACE: Mutex<()> = Mutex::new(());

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Runs a program in a folder of its own, and expects its files, of which those that a document can show
/// are there.
fn run(program: fn() -> Outcome, files: &[&str]) {
    let place = PLACE.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let before = std::env::current_dir().unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    let outcome = program();
    std::env::set_current_dir(before).unwrap();
    drop(place);
    outcome.unwrap();
    let mut found: Vec<String> = folder
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, files);
    for file in files
        .iter()
        .filter(|file| file.ends_with(".png") || file.ends_with(".svg"))
    {
        if let Some(kept) = std::env::var_os("M2IB_COOKBOOK") {
            std::fs::copy(folder.path().join(file), repository().join(kept).join(file)).unwrap();
        }
    }
}

macro_rules! recipes {
    ($($name:ident: $files:expr;)+) => {
        $(
            mod $name {
                include!(concat!("../cookbook/", stringify!($name), ".rs"));

                #[test]
                fn runs_and_makes_its_files() {
                    super::run(main, &$files);
                }
            }
        )+

        /// With the text of each.
        const RECIPES: &[(&str, &str)] = &[
            $((stringify!($name), include_str!(concat!("../cookbook/", stringify!($name), ".rs"))),)+
        ];
    };
}

recipes! {
    look: ["look.png"];
    words: ["words.png"];
    captions: ["captions.png"];
    outline: ["mask.png", "outline.png"];
    threshold: ["threshold.png"];
    annotate: ["annotate.png", "scenes.coco.json", "scenes.sam.json"];
    rank: ["rank.svg"];
    methods: ["methods.png"];
    faithful: ["faithful.svg"];
    numbers: ["numbers.json", "numbers.npz", "numbers.png"];
    many: ["many.html"];
    settings: ["settings.png"];
    rather: ["rather.png"];
    sure: ["sure.png"];
    links: ["links.png"];
}

#[test]
fn the_document_shows_these_programs_and_their_pictures() {
    let docs = repository().join("docs");
    let document = std::fs::read_to_string(docs.join("cookbook.md")).unwrap();
    let blocks: Vec<&str> = document
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(blocks.len(), RECIPES.len());
    for (name, program) in RECIPES {
        assert!(
            blocks.contains(program),
            "{name}.rs is not in docs/cookbook.md as it is"
        );
    }
    let shown = document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let pictures: Vec<&str> = shown.filter(|path| path.starts_with("cookbook/")).collect();
    assert_eq!(pictures.len(), RECIPES.len());
    for picture in pictures {
        assert!(docs.join(picture).is_file(), "{picture}");
    }
}
