//! Masks of other scenes: what a map scores that knows nothing of an object.
//!
//! IoU has no chance level of its own: it depends on the shape of the map. So each map is also
//! measured against the named objects of other scenes, of as many objects each since those set the
//! size. That keeps what maps and masks are like in general (blobs of a certain size, rarely at
//! the border) and takes away what they have to do with each other.

use ndarray::Array2;

use m2ib_data::Question;

/// Other scenes that each map is held against.
const STRANGERS: usize = 16;

/// Masks of the named objects of the questions after this one, in a circle.
pub(crate) fn strangers(questions: &[Question], index: usize) -> Vec<&Array2<bool>> {
    let own = &questions[index];
    let others = || {
        let after = questions[index + 1..].iter().chain(&questions[..index]);
        after.filter(|question| question.number != own.number)
    };
    let objects = |question: &Question| question.scene.objects.len();
    let alike = others().filter(|question| objects(question) == objects(own));
    let masks: Vec<_> = alike.map(Question::mask).take(STRANGERS).collect();
    if masks.is_empty() {
        return others().map(Question::mask).take(STRANGERS).collect();
    }
    masks
}
