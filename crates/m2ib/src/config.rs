//! Settings in a TOML file: what a search chose, kept for the next explanation.

use std::path::Path;
use std::str::FromStr;

use m2ib_segment::Threshold;
use serde::{Deserialize, Serialize};

use crate::{Error, Layer, Modality, ModalitySettings, Noise, Overrides, Preset, Result};

/// A preset with changes, as files have it.
///
/// Everything may be left out; names are those of [`Overrides`]:
///
/// ```
/// let config: m2ib::Config = r#"
///     preset = "matched"
///     mask = "otsu"                         # or "0.35", or "mass:0.5"
///
///     [image]
///     layer = "block.1"                     # or "embedding"
///     beta = 0.3
///
///     [text]
///     noise = { isotropic = { sigma = 0.5 } } # or "matched"
///     steps = 20
/// "#
/// .parse()?;
/// assert_eq!(config.image.beta, Some(0.3.into()));
/// # Ok::<(), m2ib::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the settings start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Where maps are cut into masks, where masks are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Threshold>,
    /// What differs for the image.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub image: Overrides,
    /// What differs for the text.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub text: Overrides,
}

/// A file of settings has no more bytes than this.
const MAX_FILE: u64 = 1 << 20;

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Config`] for one that cannot be read, is no TOML, or names a setting that there is
    /// not. Whether numbers make sense shows when an explainer is
    /// [built](crate::ExplainerBuilder::build).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = m2ib_files::read_text(path, MAX_FILE).map_err(|error| failed(path, error))?;
        toml::from_str(&text).map_err(|error| failed(path, error))
    }

    /// Whether explanations by these settings are meant for a model's feature statistics: matched noise
    /// with one side, or on the text behind a block. Two sides do as well by the image's own patches
    /// and the vocabulary.
    pub fn needs_calibration(&self) -> bool {
        let preset = self.preset.unwrap_or_default();
        let sides = [(Modality::Image, self.image), (Modality::Text, self.text)];
        sides.into_iter().any(|(side, overrides)| {
            // Of no depth: whatever the tower's is, the preset's text layer is the embedding.
            let settings = overrides.apply(ModalitySettings::preset(preset, side, 0));
            let behind = side == Modality::Text && settings.layer != Layer::Embedding;
            let one_sided = !settings.bottleneck.two_sided();
            settings.noise == Noise::Matched && (one_sided || behind)
        })
    }

    /// The text of a file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("names, numbers and tables can be written")
    }
}

impl FromStr for Config {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| failed("the given text", error))
    }
}

fn failed(path: impl AsRef<Path>, error: impl std::fmt::Display) -> Error {
    Error::Config {
        path: path.as_ref().into(),
        reason: shortened(&error.to_string()),
    }
}

/// A report of what is wrong, which shows lines of the file, without the ends of overlong ones and
/// the line break behind the last.
fn shortened(report: &str) -> String {
    const LONGEST: usize = 200;
    let line = |line: &str| match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into(),
    };
    let lines: Vec<String> = report.trim_end().lines().map(line).collect();
    lines.join("\n")
}

fn is_empty(overrides: &Overrides) -> bool {
    *overrides == Overrides::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sampling;

    #[test]
    fn what_is_written_is_read_again() {
        let config = Config {
            preset: Some(Preset::Matched),
            mask: Some(Threshold::Fixed(0.35)),
            image: Overrides {
                layer: Some(Layer::Block(2)),
                noise: Some(Noise::Isotropic { sigma: 0.1 }),
                beta: Some(1e-3.into()),
                samples: Some(4),
                ..Default::default()
            },
            text: Overrides {
                layer: Some(Layer::Embedding),
                noise: Some(Noise::Matched),
                sampling: Some(Sampling::Antithetic),
                learning_rate: Some(0.5),
                steps: Some(20),
                ..Default::default()
            },
        };
        let text = config.to_toml();
        assert_eq!(text.parse::<Config>().unwrap(), config, "{text}");
        assert_eq!(Config::default().to_toml(), "");
    }

    #[test]
    fn a_misspelt_setting_is_named_with_its_line_and_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chosen.toml");
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Config::load(&path).unwrap_err().to_string()
        };
        let error = refused("preset = \"matched\"\n[image]\nbetta = 1.0\n");
        for part in ["chosen.toml", "line 3", "betta", "beta"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        let error = refused("mask = \"half\"\n");
        assert!(error.contains("\"half\" is no threshold"), "{error}");
        let error = refused("[image]\nlayer = \"last\"\n");
        assert!(error.contains("\"last\" is no layer"), "{error}");
        let error = refused(&format!("[image]\nlayer = \"{}\"\n", "é".repeat(5000)));
        assert!(error.chars().count() < 1000, "{error}");
        let error = Config::load(folder.path().join("absent.toml")).unwrap_err();
        assert!(error.to_string().contains("absent.toml"), "{error}");
    }
}
