//! The nouns: what a scene can show and how captions call it.

use std::sync::LazyLock;

/// A kind of object: one emoji and its noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class {
    /// The emoji.
    pub code_point: char,
    /// A noun in plain English, lower case: "piano", "loaf of bread".
    pub name: &'static str,
    /// "a", "an" or "the"; none for what is not counted, such as "dice" or "cheese".
    pub article: Option<&'static str>,
}

impl Class {
    /// The noun with its article: "a piano", "the moon", "dice".
    pub fn phrase(&self) -> String {
        match self.article {
            Some(article) => format!("{article} {}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// All classes. An object's `class` is an index into them; their order never changes.
pub fn classes() -> &'static [Class] {
    static CLASSES: LazyLock<Vec<Class>> = LazyLock::new(|| {
        let lines = include_str!("../classes.tsv").lines().skip(1);
        lines.map(|line| parse(line).expect(line)).collect()
    });
    &CLASSES
}

/// A line of the table: code point in hexadecimal, name, article, with tabs between.
fn parse(line: &'static str) -> Option<Class> {
    let mut fields = line.split('\t');
    let code_point = u32::from_str_radix(fields.next()?, 16).ok()?;
    Some(Class {
        code_point: char::from_u32(code_point)?,
        name: fields.next()?,
        article: fields.next().filter(|article| !article.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_code_points_are_distinct() {
        let names: HashSet<_> = classes().iter().map(|class| class.name).collect();
        let emoji: HashSet<_> = classes().iter().map(|class| class.code_point).collect();
        assert_eq!((names.len(), emoji.len()), (221, 221));
    }

    #[test]
    fn phrases_carry_the_article_if_there_is_one() {
        let phrase = |name| {
            let mut all = classes().iter();
            all.find(|class| class.name == name).unwrap().phrase()
        };
        assert_eq!(phrase("piano"), "a piano");
        assert_eq!(phrase("owl"), "an owl");
        assert_eq!(phrase("moon"), "the moon");
        assert_eq!(phrase("dice"), "dice");
    }
}
