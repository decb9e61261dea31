//! Which hub, which cache and who asks.

use std::fmt;
use std::path::PathBuf;

use hf_hub::Cache;

/// Where models come from and where they are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct HubOptions {
    /// The hub's address without a slash at the end.
    pub endpoint: String,
    /// The cache folder, with one `models--owner--name` for each model.
    pub cache: PathBuf,
    /// Sent to the endpoint, and to nobody it redirects to.
    pub token: Option<String>,
    /// Use the cache alone, without any request.
    pub offline: bool,
}

impl HubOptions {
    /// Takes the settings from the variables that all clients of the hub read.
    ///
    /// - `HF_ENDPOINT`: the hub, <https://huggingface.co> if unset.
    /// - `HF_HUB_CACHE`: the cache folder; else `hub` in `HF_HOME`, which is `huggingface` in
    ///   `XDG_CACHE_HOME` or in `~/.cache` if unset.
    /// - `HF_TOKEN`: else the file `token` in `HF_HOME`, where a login leaves it.
    /// - `HF_HUB_OFFLINE`: `1`, `true`, `yes` or `on` for [`offline`](Self::offline).
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok(), std::env::home_dir())
    }

    /// As [`from_env`](Self::from_env), from anything that answers for a variable.
    fn from_lookup(lookup: impl Fn(&str) -> Option<String>, user: Option<PathBuf>) -> Self {
        let variable = |name| {
            let value = lookup(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let home = variable("HF_HOME").map_or_else(
            || {
                variable("XDG_CACHE_HOME")
                    .map(PathBuf::from)
                    .unwrap_or_else(|| user.unwrap_or_else(std::env::temp_dir).join(".cache"))
                    .join("huggingface")
            },
            PathBuf::from,
        );
        Self {
            endpoint: variable("HF_ENDPOINT")
                .unwrap_or_else(|| "https://huggingface.co".into())
                .trim_end_matches('/')
                .into(),
            // hf-hub looks for the token beside the cache, so it is asked with the default one.
            token: variable("HF_TOKEN").or_else(|| Cache::new(home.join("hub")).token()),
            cache: variable("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from),
            offline: variable("HF_HUB_OFFLINE").is_some_and(|value| {
                ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str())
            }),
        }
    }
}

/// Shows whether there is a token, never which.
impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> HubOptions {
        let lookup = |name: &str| {
            let (_, value) = variables.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        };
        HubOptions::from_lookup(lookup, Some("/nobody".into()))
    }

    #[test]
    fn nothing_set_is_the_public_hub_and_the_usual_cache() {
        let options = from(&[("HF_TOKEN", " "), ("HF_ENDPOINT", "")]);
        assert_eq!(options.endpoint, "https://huggingface.co");
        assert_eq!(
            options.cache,
            PathBuf::from("/nobody/.cache/huggingface/hub")
        );
        assert_eq!(options.token, None);
        assert!(!options.offline);
    }

    #[test]
    fn every_variable_is_read() {
        let options = from(&[
            ("HF_ENDPOINT", "https://mirror.example/"),
            ("HF_HOME", "/data/hf"),
            ("HF_TOKEN", " hf_secret\n"),
            ("HF_HUB_OFFLINE", "Yes"),
        ]);
        assert_eq!(options.endpoint, "https://mirror.example");
        assert_eq!(options.cache, PathBuf::from("/data/hf/hub"));
        assert_eq!(options.token.as_deref(), Some("hf_secret"));
        assert!(options.offline);
        assert!(!format!("{options:?}").contains("hf_secret"));
        assert_eq!(
            from(&[("HF_HOME", "/data/hf"), ("HF_HUB_CACHE", "/models")]).cache,
            PathBuf::from("/models")
        );
        assert_eq!(
            from(&[("XDG_CACHE_HOME", "/caches")]).cache,
            PathBuf::from("/caches/huggingface/hub")
        );
        for (value, offline) in [("1", true), ("ON", true), ("0", false), ("false", false)] {
            assert_eq!(
                from(&[("HF_HUB_OFFLINE", value)]).offline,
                offline,
                "{value}"
            );
        }
    }

    #[test]
    fn the_token_of_a_login_is_found_wherever_the_cache_is() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hf_login\n").unwrap();
        let home = home.path().to_str().unwrap();
        let token = |more: &[(&str, &str)]| from(&[&[("HF_HOME", home)], more].concat()).token;
        assert_eq!(token(&[]).as_deref(), Some("hf_login"));
        assert_eq!(
            token(&[("HF_HUB_CACHE", "/m")]).as_deref(),
            Some("hf_login")
        );
        assert_eq!(token(&[("HF_TOKEN", "hf_env")]).as_deref(), Some("hf_env"));
    }
}
