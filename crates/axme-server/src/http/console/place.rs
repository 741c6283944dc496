//! The line of a JSON text that a sentence such as `workflow.steps[1].on_failure: …` is about.

use serde::de::IgnoredAny;

/// A part of a place: the field of an object, or the element of a list.
enum Part<'a> {
    Field(&'a str),
    Element(usize),
}

/// Returns the line, counted from 1, of the place that a sentence begins with. If the text has only the beginning of the
/// place, as for a missing field, the line is that of the beginning. `None` for a sentence without a place.
pub(super) fn line_of(text: &str, sentence: &str) -> Option<usize> {
    let parts = parts(sentence);
    let mut at = skip_blanks(text, 0);
    let mut found = None;
    for part in parts {
        let Some((name_at, value_at)) = inside(text, at, &part) else { break };
        (found, at) = (Some(name_at), value_at);
    }
    found.map(|at| text[..at].matches('\n').count() + 1)
}

/// Reads the place at the beginning of a sentence.
fn parts(sentence: &str) -> Vec<Part<'_>> {
    let is_of_place = |mark: char| mark.is_ascii_alphanumeric() || "_.[]-".contains(mark);
    let place = sentence.split(|mark| !is_of_place(mark)).next().unwrap_or_default();
    let mut parts = Vec::new();
    for step in place.split('.') {
        let mut pieces = step.split('[');
        parts.extend(pieces.next().filter(|name| !name.is_empty()).map(Part::Field));
        parts.extend(pieces.filter_map(|index| index.trim_end_matches(']').parse().ok()).map(Part::Element));
    }
    parts
}

/// Finds a part of the value that begins at `at`: where its name begins, and where its value does.
fn inside(text: &str, at: usize, part: &Part<'_>) -> Option<(usize, usize)> {
    let opening = if matches!(part, Part::Field(_)) { '{' } else { '[' };
    let mut at = skip_blanks(text, at + text.get(at..)?.strip_prefix(opening).map(|_| 1)?);
    let mut index = 0;
    loop {
        let name_at = at;
        let is_it = match part {
            Part::Field(name) => {
                let end = end_of_value(text, at)?;
                let key: String = serde_json::from_str(text.get(at..end)?).ok()?;
                at = skip_blanks(text, end);
                at = skip_blanks(text, at + text.get(at..)?.strip_prefix(':').map(|_| 1)?);
                key == *name
            }
            Part::Element(wanted) => index == *wanted,
        };
        if is_it {
            return text.get(at..).filter(|rest| !rest.starts_with(']')).map(|_| (name_at, at));
        }
        at = skip_blanks(text, end_of_value(text, at)?);
        at = skip_blanks(text, at + text.get(at..)?.strip_prefix(',').map(|_| 1)?);
        index += 1;
    }
}

/// Returns the end of the value that begins at `at`.
fn end_of_value(text: &str, at: usize) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(at + values.byte_offset())
}

fn skip_blanks(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.len() - rest.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "scenario_id": "s",
  "workflow": { "steps": [
    { "step_id": "a, ] }" },
    { "step_id": "b",
      "on\u005ffailure": "x" }
  ] }
}"#;

    #[test]
    fn the_line_is_that_of_the_deepest_part_that_is_there() {
        for (sentence, line) in [
            ("scenario_id: required", Some(2)),
            ("workflow.steps[0]: nobody is mailed", Some(4)),
            ("workflow.steps[1].on_failure: there is no step \"x\"", Some(6)),
            ("workflow.steps[1].assigned_to is missing", Some(5)),
            ("workflow.steps[7]", Some(3)),
            ("intent: required", None),
            ("agents[0].address", None),
            ("", None),
            ("the bundle is too large", None),
        ] {
            assert_eq!(line_of(TEXT, sentence), line, "{sentence}");
        }
        for text in ["", "[]", "{", "{\"a\"", "{\"a\":", "[1,", "{\"a\" 1}"] {
            line_of(text, "a[1].b");
            line_of(text, "[1]");
        }
    }
}
