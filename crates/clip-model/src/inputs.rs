//! How a family wants images and captions: which steps prepare them, and what its configuration and
//! the two files about them must have in common.

use clip_input::{CaptionTokenizer, Cleaning, Content, ImageProcessor, Recipe, json_object};
use serde::Deserialize;

use crate::chinese_clip::ChineseClipConfig;
use crate::clip::{self, ClipConfig};
use crate::families::Family;
use crate::files::TowerFiles;
use crate::open_clip::{self, ModelConfig};
use crate::siglip::{Edition, SiglipConfig};
use crate::{ModelFiles, Result, openai};

/// Who says how images are prepared.
enum Steps {
    /// A file of its own, whose absent keys are the family's.
    File(Recipe),
    /// open_clip's configuration, or nobody: OpenAI's models are all alike.
    OpenClip(Vec<u8>),
}

/// `tokenizer_config.json`, as far as it tells tokenizers apart.
#[derive(Deserialize)]
struct TokenizerClass {
    tokenizer_class: Option<String>,
}

/// What captions are filled up with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    None,
    Tokenizers,
    Id(i64),
}

/// What a family's configuration says of images and captions.
pub(crate) struct Inputs {
    /// Height and width that the image tower takes; no matter where preprocessing says none.
    image_size: [usize; 2],
    steps: Steps,
    positions: usize,
    /// Entries of the token embedding, where the configuration says it.
    vocabulary: Option<usize>,
    cleaning: Cleaning,
    /// Whether captions are filled up to all positions, and by which token if it is not the
    /// tokenizer's to say.
    padding: Padding,
    /// Whether the token behind a caption is left out.
    endless: bool,
    /// Whether a caption must stand between a start and an end token.
    framed: bool,
    config: String,
}

impl Inputs {
    pub(crate) fn of(family: Family, files: &TowerFiles) -> Result<Self> {
        let (content, config) = (&files.config, files.config.name());
        let hugging_face = |image_size, recipe, positions, vocabulary| Self {
            image_size,
            steps: Steps::File(recipe),
            positions,
            vocabulary: Some(vocabulary),
            cleaning: Cleaning::None,
            padding: Padding::None,
            endless: false,
            framed: true,
            config: config.clone(),
        };
        let of_clip = |clip: &ClipConfig| {
            hugging_face(
                [clip.vision.image_size; 2],
                Recipe::Clip,
                clip.text.max_position_embeddings,
                clip.text.vocab_size,
            )
        };
        match family {
            Family::Clip | Family::MetaClip2 => {
                let clip = ClipConfig::from_json(&content.read()?, &config)?;
                Ok(of_clip(&clip))
            }
            Family::Siglip => {
                let siglip = SiglipConfig::from_json(&content.read()?, &config, Edition::Fixed)?;
                let (image, text) = (siglip.image, siglip.text);
                Ok(Self {
                    cleaning: Cleaning::Siglip,
                    padding: Padding::Tokenizers,
                    framed: false,
                    ..hugging_face(
                        image.image_size,
                        Recipe::Siglip,
                        text.positions,
                        text.vocabulary,
                    )
                })
            }
            Family::NaFlex => {
                let json = content.read()?;
                let SiglipConfig { image, text } =
                    SiglipConfig::from_json(&json, &config, Edition::NaFlex)?;
                let recipe = Recipe::NaFlex {
                    patch: image.patch_size as u32,
                };
                Ok(Self {
                    // There is no first edition of it.
                    cleaning: Cleaning::Lower,
                    padding: Padding::Tokenizers,
                    framed: false,
                    ..hugging_face(image.image_size, recipe, text.positions, text.vocabulary)
                })
            }
            Family::ChineseClip => {
                let chinese = ChineseClipConfig::from_json(&content.read()?, &config)?;
                let (image, text) = (chinese.image, chinese.text);
                Ok(hugging_face(
                    image.image_size,
                    Recipe::Clip,
                    text.positions,
                    text.vocabulary,
                ))
            }
            Family::Split => {
                let text = files.beside.get("text").unwrap_or(content);
                let halves = clip::split_config([content, text])?;
                Ok(of_clip(&halves))
            }
            Family::OpenAi => {
                let clip = openai::config(&mut files.checkpoint()?)?;
                Ok(Self {
                    steps: Steps::OpenClip(b"{}".to_vec()),
                    cleaning: Cleaning::OpenClip,
                    ..of_clip(&clip)
                })
            }
            Family::OpenClip => {
                let json = content.read()?;
                let model = ModelConfig::from_json(&json, &config)?;
                let captions = open_clip::captions(&model, files)?;
                Ok(Self {
                    image_size: model.vision_cfg.image_size(&config)?,
                    steps: Steps::OpenClip(json),
                    positions: captions.positions,
                    vocabulary: captions.vocabulary,
                    cleaning: match captions.canonical {
                        true => Cleaning::Canonical,
                        false => Cleaning::OpenClip,
                    },
                    padding: match (captions.padded, captions.own_tokenizer) {
                        (false, _) => Padding::None,
                        (true, true) => Padding::Id(0),
                        (true, false) => Padding::Tokenizers,
                    },
                    endless: captions.endless,
                    framed: captions.framed,
                    config,
                })
            }
        }
    }

    pub(crate) fn processor(&self, files: &ModelFiles) -> Result<ImageProcessor> {
        let file = files.preprocessor.name();
        let processor = match &self.steps {
            Steps::File(recipe) => {
                let json = files.preprocessor.read()?;
                ImageProcessor::by_recipe(&json, &file, *recipe)?
            }
            Steps::OpenClip(json) => {
                let size = self.image_size.map(|side| side as u32);
                ImageProcessor::open_clip(json, &file, size)?
            }
        };
        let [height, width] = self.image_size.map(|side| side as u32);
        match processor.output_size() {
            Some(size) if size != (width, height) => Err(clip_input::Error::Config {
                file,
                field: processor.size_key(),
                found: format!("{}×{}", size.0, size.1),
                expected: format!("{width}×{height}, the image_size of {}", self.config),
            }
            .into()),
            _ => Ok(processor),
        }
    }

    /// Whether captions are those of SigLIP 2, which have the same `model_type`: by the name of the
    /// tokenizer, else by Gemma's vocabulary.
    fn is_second_siglip(&self, tokenizer: &Content) -> Result<bool> {
        const GEMMA: usize = 256_000;
        let beside = match tokenizer {
            Content::Path(path) => Some(path.with_file_name("tokenizer_config.json")),
            Content::Bytes(..) => None,
        };
        let class = match beside.filter(|beside| beside.is_file()).map(Content::Path) {
            Some(beside) => {
                let TokenizerClass { tokenizer_class } =
                    json_object(&beside.read()?, &beside.name())?;
                tokenizer_class
            }
            None => None,
        };
        Ok(match class {
            Some(class) => class.contains("Gemma") || class.contains("Siglip2"),
            None => self.vocabulary == Some(GEMMA),
        })
    }

    pub(crate) fn tokenizer(&self, files: &ModelFiles) -> Result<CaptionTokenizer> {
        let content: &Content = &files.tokenizer;
        let tokenizer = CaptionTokenizer::load(content, self.positions)?;
        let cleaning = match self.cleaning {
            Cleaning::Siglip if self.is_second_siglip(content)? => Cleaning::Lower,
            cleaning => cleaning,
        };
        let tokenizer = tokenizer.with_cleaning(cleaning)?;
        let unfit = |reason: String| {
            Err(clip_input::Error::Tokenizer {
                file: content.name(),
                reason,
            }
            .into())
        };
        if self.framed && !(tokenizer.has_start() && tokenizer.end_id().is_some()) {
            return unfit(
                "it puts no start token before a caption and no end token behind it".into(),
            );
        }
        let entries = tokenizer.vocabulary_size();
        if let Some(most) = self.vocabulary.filter(|&most| entries > most) {
            return unfit(format!(
                "it has {entries} entries, expected at most vocab_size {most} of {}",
                self.config
            ));
        }
        let padding = match self.padding {
            Padding::None => return Ok(tokenizer),
            Padding::Tokenizers => tokenizer.pad_id().or(tokenizer.end_id()),
            Padding::Id(id) => Some(id),
        };
        let tokenizer = match self.endless {
            true => tokenizer.without_end(),
            false => tokenizer,
        };
        match padding {
            Some(id) => Ok(tokenizer.with_padding(id)),
            None => unfit(
                "it names no padding token, and this model reads captions with their padding"
                    .into(),
            ),
        }
    }
}
