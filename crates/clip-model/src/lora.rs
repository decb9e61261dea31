//! Low-rank adapters (LoRA) as PEFT writes them: W becomes W + s B A, with s = α / r (or α / √r), once,
//! when the weights are loaded.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::DType;
use burn_store::bridge;
use burn_store::burn_pack::Tensor as Stored;
use clip_input::{Content, json_object};
use serde::Deserialize;
use serde_json::Value;

use crate::checked::invalid;
use crate::checkpoint::open_all;
use crate::{Error, Result};

/// `adapter_config.json`, as far as it changes what is added.
#[derive(Deserialize)]
struct Config {
    peft_type: Option<String>,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    use_qalora: bool,
    #[serde(default)]
    lora_bias: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    alpha_pattern: BTreeMap<String, f64>,
    layer_replication: Option<Value>,
}

/// Changes to a model's weights.
pub(crate) struct Lora {
    file: String,
    pairs: BTreeMap<String, Pair>,
    /// Tensors that stand in for the model's own.
    whole: BTreeMap<String, Stored>,
    used: BTreeSet<String>,
}

struct Pair {
    /// `[rank, in]` and `[out, rank]`.
    factors: [Stored; 2],
    scale: f64,
}

impl Lora {
    /// Opens `adapter_config.json` and the weights beside it.
    ///
    /// # Errors
    /// [`Error::Input`] for an adapter of another kind, by the key; what is wrong with the weights.
    pub(crate) fn open(config: &Content, weights: &Content) -> Result<Self> {
        let file = config.name();
        let settings: Config = json_object(&config.read()?, &file)?;
        let kind = settings.peft_type.as_deref().unwrap_or("LORA");
        if kind != "LORA" {
            let expected = "\"LORA\"; merge the adapter in Python with merge_and_unload() of peft";
            return Err(invalid(&file, "peft_type", format!("\"{kind}\""), expected));
        }
        let flags = [
            ("use_dora", settings.use_dora),
            ("use_qalora", settings.use_qalora),
            ("lora_bias", settings.lora_bias),
            ("fan_in_fan_out", settings.fan_in_fan_out),
            ("layer_replication", settings.layer_replication.is_some()),
        ];
        if let Some((field, _)) = flags.into_iter().find(|(_, set)| *set) {
            let expected =
                "none of that; merge the adapter in Python with merge_and_unload() of peft";
            return Err(invalid(&file, field, "set", expected));
        }
        if !settings.lora_alpha.is_finite() {
            let found = settings.lora_alpha;
            return Err(invalid(&file, "lora_alpha", found, "a finite number"));
        }
        let mut lora = Self {
            file: weights.name(),
            pairs: BTreeMap::new(),
            whole: BTreeMap::new(),
            used: BTreeSet::new(),
        };
        let mut halves: BTreeMap<String, [Option<Stored>; 2]> = BTreeMap::new();
        for (name, tensor) in open_all(std::slice::from_ref(weights))? {
            let name = name.strip_prefix("base_model.model.").unwrap_or(&name);
            let half = [".lora_A.weight", ".lora_B.weight"]
                .into_iter()
                .enumerate()
                .find_map(|(half, end)| Some((half, name.strip_suffix(end)?)));
            match half {
                Some((half, layer)) => {
                    halves.entry(layer.into()).or_default()[half] = Some(tensor);
                }
                None if name.contains("lora_") => {
                    return Err(lora.broken(format!("{name} is no part of a linear layer's LoRA")));
                }
                None => {
                    lora.whole.insert(name.into(), tensor);
                }
            }
        }
        for (layer, factors) in halves {
            let [Some(a), Some(b)] = factors else {
                return Err(lora.broken(format!("{layer} has one of lora_A and lora_B alone")));
            };
            let (&[rank, _], &[_, inner]) = (&a.shape[..], &b.shape[..]) else {
                return Err(lora.broken(format!("lora_A and lora_B of {layer} are no matrices")));
            };
            if rank != inner || rank == 0 {
                return Err(lora.broken(format!(
                    "lora_A of {layer} has {rank} rows, lora_B {inner} columns, expected the rank in both"
                )));
            }
            let alpha = alpha(&settings, &layer, &file)?;
            let rank = rank as f64;
            let scale = alpha
                / if settings.use_rslora {
                    rank.sqrt()
                } else {
                    rank
                };
            let factors = [a, b];
            lora.pairs
                .insert(format!("{layer}.weight"), Pair { factors, scale });
        }
        match lora.pairs.is_empty() && lora.whole.is_empty() {
            true => Err(lora.broken("it holds no tensor".into())),
            false => Ok(lora),
        }
    }

    /// The weights file.
    pub(crate) fn name(&self) -> &str {
        &self.file
    }

    /// What stands in for a tensor.
    pub(crate) fn replacement(&mut self, name: &str) -> Option<Stored> {
        let found = self.whole.get(name).cloned()?;
        self.used.insert(name.into());
        Some(found)
    }

    /// Adds s B A to a matrix.
    ///
    /// # Errors
    /// [`Error::Weights`] for factors of other sizes than the matrix has.
    pub(crate) fn add_to(&mut self, name: &str, values: &mut [f32], shape: &[usize]) -> Result<()> {
        let Some(Pair { factors, scale }) = self.pairs.get(name) else {
            return Ok(());
        };
        self.used.insert(name.into());
        let [a, b] = factors;
        let (rank, sizes) = (a.shape[0], [b.shape[0], a.shape[1]]);
        if shape != sizes {
            return Err(self.broken(format!(
                "its change of {name} has shape {sizes:?}, expected {shape:?}"
            )));
        }
        let [a, b] = [self.values(a)?, self.values(b)?];
        let rows = values.chunks_exact_mut(sizes[1]).zip(b.chunks_exact(rank));
        for (row, b) in rows {
            let mut change = vec![0.0f64; row.len()];
            for (&b, a) in b.iter().zip(a.chunks_exact(sizes[1])) {
                for (change, &a) in change.iter_mut().zip(a) {
                    *change += f64::from(b) * f64::from(a);
                }
            }
            for (value, change) in row.iter_mut().zip(change) {
                *value = (f64::from(*value) + scale * change) as f32;
            }
        }
        Ok(())
    }

    /// Changes that nobody asked for.
    pub(crate) fn unused(&self) -> Vec<String> {
        let all = self.pairs.keys().chain(self.whole.keys());
        all.filter(|name| !self.used.contains(*name))
            .cloned()
            .collect()
    }

    fn values(&self, tensor: &Stored) -> Result<Vec<f32>> {
        if !matches!(
            tensor.dtype,
            DType::F32 | DType::F16 | DType::BF16 | DType::F64
        ) {
            return Err(self.broken(format!("{} holds {:?}", tensor.name, tensor.dtype)));
        }
        let data =
            m2ib_files::caught(|| bridge::to_data(tensor).map_err(|error| error.to_string()));
        let data = data
            .and_then(|data| data)
            .map_err(|reason| self.broken(reason))?;
        Ok(data.convert::<f32>().iter::<f32>().collect())
    }

    fn broken(&self, reason: String) -> Error {
        Error::Weights {
            file: self.file.clone(),
            reason,
        }
    }
}

/// α of a layer, where some have one of their own: by the end of their names.
fn alpha(settings: &Config, layer: &str, file: &str) -> Result<f64> {
    for (key, &alpha) in &settings.alpha_pattern {
        // PEFT takes keys for regular expressions; names alone are what is found in them.
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if !key.chars().all(is_name) {
            let expected = "names of layers; merge the adapter in Python with merge_and_unload()";
            return Err(invalid(
                file,
                "alpha_pattern",
                format!("\"{key}\""),
                expected,
            ));
        }
        if layer == key || layer.ends_with(&format!(".{key}")) {
            return Ok(alpha);
        }
    }
    Ok(settings.lora_alpha)
}
