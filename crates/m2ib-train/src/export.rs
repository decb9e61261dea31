//! A trained model as a Hugging Face folder.

use std::collections::HashMap;
use std::path::Path;

use clip_model::{Precision, Trainable};
use m2ib_tune::write_whole;

use crate::{Files, Result};

/// Where a model comes from; written into its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The git commit of the sources it was trained with.
    pub commit: String,
    /// The run's seed.
    pub seed: u64,
    /// The steps made.
    pub steps: u64,
    /// The steps that the run was to have: the learning rate falls towards the last of them.
    pub of: u64,
}

/// Writes `model.safetensors` in half precision and beside it the model's other `files` (name and
/// content: configuration, preprocessing, tokenizer). transformers' `CLIPModel` or `SiglipModel` and
/// [`DualEncoder::load`](clip_model::DualEncoder::load) read the folder.
///
/// # Errors
/// [`Error::Tune`](crate::Error::Tune); [`Error::Model`](crate::Error::Model) for weights beyond half precision.
pub fn export(
    model: &Trainable,
    provenance: &Provenance,
    files: &Files,
    folder: &Path,
) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| m2ib_tune::Error::File {
        action: "make the folder",
        path: folder.into(),
        source,
    })?;
    let Provenance { steps, of, .. } = provenance;
    let steps = match steps == of {
        true => steps.to_string(),
        false => format!("{steps} of {of}"),
    };
    let metadata = HashMap::from([
        ("commit".to_owned(), provenance.commit.clone()),
        ("seed".to_owned(), provenance.seed.to_string()),
        ("steps".to_owned(), steps),
    ]);
    let weights = model.to_safetensors(Precision::F16, metadata)?;
    for (name, content) in files {
        write_whole(&folder.join(name), content)?;
    }
    Ok(write_whole(&folder.join("model.safetensors"), &weights)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;
    use clip_model::DualEncoder;

    #[rstest::rstest]
    fn an_exported_folder_loads_and_says_where_it_comes_from(
        #[values(Family::Clip, Family::Siglip)] family: Family,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let device = m2ib_cpu::flex();
        let model = Trainable::random(&family.model_files().config, 1, &device).unwrap();
        let provenance = Provenance {
            commit: "abc".into(),
            seed: 4,
            steps: 9,
            of: 12,
        };
        let files = family.files().map(|(name, bytes)| (name, bytes.into()));
        export(&model, &provenance, &files.into(), folder.path()).unwrap();
        let loaded = DualEncoder::load(folder.path(), &device).unwrap();
        assert_eq!(loaded.parameters(), model.parameters());
        assert_eq!(loaded.bias().is_some(), family == Family::Siglip);
        let size = std::fs::metadata(folder.path().join("model.safetensors"));
        assert!(size.unwrap().len() < 5_000_000);
        let bytes = std::fs::read(folder.path().join("model.safetensors")).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        let entry = |name: &str| metadata[name].as_str();
        assert_eq!(
            (entry("commit"), entry("seed"), entry("steps")),
            ("abc", "4", "9 of 12")
        );
    }
}
