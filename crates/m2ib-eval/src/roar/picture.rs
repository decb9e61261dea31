//! The pixels of a pair, held or made when they are asked for.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use m2ib_files::Digester;
use m2ib_tune::Failure;

type Make = dyn Fn() -> Result<Vec<f32>, Failure> + Send + Sync;

/// `[channels, height, width]`, normalised as the model expects it.
#[derive(Clone)]
pub enum Picture {
    /// In memory.
    Held(Vec<f32>),
    /// Decoded and preprocessed anew each time: all pictures of a large data set are more than fit
    /// into the memory.
    Made {
        /// Tells it from other pictures.
        identity: String,
        /// Makes it; the same each time.
        make: Arc<Make>,
    },
}

impl Picture {
    /// A picture that is made when it is asked for.
    pub fn made(
        identity: impl Into<String>,
        make: impl Fn() -> Result<Vec<f32>, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::Made {
            identity: identity.into(),
            make: Arc::new(make),
        }
    }

    /// Its numbers.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn values(&self) -> Result<Cow<'_, [f32]>, Failure> {
        match self {
            Self::Held(values) => Ok(values.into()),
            Self::Made { make, .. } => Ok(make()?.into()),
        }
    }

    /// Adds what tells it from others.
    pub(crate) fn add_to(&self, digester: &mut Digester) {
        match self {
            Self::Held(values) => digester.add_floats(values),
            Self::Made { identity, .. } => digester.add(identity),
        }
    }
}

impl From<Vec<f32>> for Picture {
    fn from(values: Vec<f32>) -> Self {
        Self::Held(values)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(values) => f.debug_tuple("Held").field(values).finish(),
            Self::Made { identity, .. } => f.debug_tuple("Made").field(identity).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_each_time_and_known_by_its_identity() {
        let made = |identity: &str| Picture::made(identity, || Ok(vec![1.0, 2.0]));
        assert_eq!(*made("a").values().unwrap(), [1.0, 2.0]);
        let digits = |picture: &Picture| {
            let mut digester = Digester::default();
            picture.add_to(&mut digester);
            digester.finish()
        };
        assert_eq!(digits(&made("a")), digits(&made("a")));
        assert_ne!(digits(&made("a")), digits(&made("b")));
        let broken = Picture::made("c", || Err("no such file".into()));
        assert!(broken.values().is_err());
    }
}
