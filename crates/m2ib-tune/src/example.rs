//! What is learnt from: preprocessed pictures, each with one caption.

use m2ib_files::Digester;

/// Why an example could not be made: whatever its source says.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A preprocessed picture with a tokenised caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// `[channels, height, width]`, normalised as the model expects it.
    pub pixels: Vec<f32>,
    /// Token ids as the text tower reads them: to a causal one from the start token to the one that
    /// is pooled, which is the last; to one that reads padding all of it.
    pub ids: Vec<i64>,
    /// Examples of one meaning are true of each other's pictures, as those of equal captions are:
    /// they are not held against each other. Give all of them different ones for the plain loss.
    pub meaning: u64,
    /// Other meanings that are true of the picture: of its other captions.
    pub also: Vec<u64>,
}

/// Where examples come from. They may be made on the way: loaded, degraded, augmented.
pub trait Examples: Sync {
    /// Their number.
    fn count(&self) -> usize;

    /// The example of a number below [`count`](Self::count): the same on every call, from any
    /// thread.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    fn example(&self, index: usize) -> Result<Example, Failure>;

    /// Tells these examples from others. A checkpoint of a run on other examples is refused, so
    /// what makes them different should make this different.
    fn identity(&self) -> String;
}

impl Examples for Vec<Example> {
    fn count(&self) -> usize {
        self.len()
    }

    fn example(&self, index: usize) -> Result<Example, Failure> {
        Ok(self[index].clone())
    }

    /// A digest of all their numbers.
    fn identity(&self) -> String {
        let mut digester = Digester::default();
        for example in self {
            digester.add_floats(&example.pixels);
            digester.add_number(example.ids.len() as u64);
            let ids = example.ids.iter().map(|&id| id as u64);
            let meanings = [example.meaning]
                .into_iter()
                .chain(example.also.iter().copied());
            ids.chain(meanings)
                .for_each(|number| digester.add_number(number));
        }
        format!("{} examples, {}", self.len(), digester.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_example_shows_in_the_identity() {
        let example = Example {
            pixels: vec![0.5, -1.0],
            ids: vec![1, 2],
            meaning: 3,
            also: Vec::new(),
        };
        let changes: [fn(&mut Example); 5] = [
            |e| e.pixels[1] = 1.0,
            |e| e.ids[0] = 4,
            |e| e.meaning = 0,
            |e| e.also.push(7),
            |e| e.pixels.swap(0, 1),
        ];
        let identity = |example: &Example| vec![example.clone()].identity();
        assert_eq!(identity(&example), identity(&example.clone()));
        for change in changes {
            let mut other = example.clone();
            change(&mut other);
            assert_ne!(identity(&other), identity(&example), "{other:?}");
        }
    }
}
