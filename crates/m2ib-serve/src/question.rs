//! What is asked of a pair.

use std::sync::Arc;

use m2ib_methods::{MethodFactory, Registry};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::limits::Limits;
use crate::problem::Problem;

/// As clients ask it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    picture: String,
    caption: String,
    #[serde(default = "usual")]
    method: String,
}

/// What explains unless something else is asked for.
pub(crate) const USUAL: &str = "m2ib-fine";

fn usual() -> String {
    USUAL.into()
}

/// Checked as far as it can be without the towers; two that are equal have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Question {
    /// The picture's id.
    pub(crate) picture: String,
    pub(crate) caption: String,
    /// The method's key: its name and the settings that are not its usual ones.
    pub(crate) method: String,
}

impl Asked {
    /// Of a picture that is there.
    pub(crate) fn of(picture: String, caption: String, method: Option<String>) -> Self {
        let method = method.unwrap_or_else(usual);
        Self {
            picture,
            caption,
            method,
        }
    }

    pub(crate) fn check(
        self,
        engine: &Engine,
        limits: &Limits,
    ) -> Result<(Question, Arc<dyn MethodFactory>), Problem> {
        engine.check_caption(&self.caption, limits)?;
        let method = Registry::standard().parse(&self.method);
        let method = method.map_err(|error| Problem::senseless(error.to_string()))?;
        let question = Question {
            picture: self.picture,
            caption: self.caption,
            method: method.key(),
        };
        Ok((question, method))
    }
}
