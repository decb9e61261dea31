//! What a model is called on the hub.

use hf_hub::{Repo, RepoType};

use super::HubReason;

/// `owner/name` at a revision. Checked, since both become paths in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelId {
    pub(super) name: String,
    pub(super) revision: String,
}

impl ModelId {
    pub(super) fn parse(id: &str) -> Result<Self, HubReason> {
        let (name, revision) = id.split_once('@').unwrap_or((id, "main"));
        let parts: Vec<&str> = name.split('/').collect();
        let well_formed = parts.len() == 2
            && parts.into_iter().all(is_plain)
            && revision.split('/').all(is_plain);
        match well_formed {
            true => Ok(Self {
                name: name.into(),
                revision: revision.into(),
            }),
            false => Err(HubReason::MalformedId),
        }
    }

    pub(super) fn repo(&self) -> Repo {
        Repo::with_revision(self.name.clone(), RepoType::Model, self.revision.clone())
    }

    /// The commit, if that is what the revision is.
    pub(super) fn commit(&self) -> Option<&str> {
        let hash =
            self.revision.len() == 40 && self.revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        hash.then_some(self.revision.as_str())
    }
}

/// Whether a name stays where it is put: one component, no `..`.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_an_owner_a_name_and_perhaps_a_revision() {
        let id = |id| ModelId::parse(id).map(|id| (id.name, id.revision)).ok();
        let pair = |name: &str, revision: &str| Some((name.into(), revision.into()));
        assert_eq!(id("a/b-c_1.5"), pair("a/b-c_1.5", "main"));
        assert_eq!(id("a/b@refs/pr/15"), pair("a/b", "refs/pr/15"));
        for bad in [
            "",
            "gpt2",
            "a/b/c",
            "/b",
            "a/",
            "./models",
            "../b",
            "a/..",
            "a b/c",
            "a/b@",
            "a/b@../x",
            "a/b@x//y",
            "a\\b/c",
            "a/b?c",
            "a/b@v1@v2",
            "https://h.co/a/b",
        ] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_full_hash_is_a_commit() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let commit = |revision| ModelId::parse(&format!("a/b@{revision}")).unwrap();
        assert_eq!(commit(hash).commit(), Some(hash));
        assert_eq!(commit("main").commit(), None);
    }
}
