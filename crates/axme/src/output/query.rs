//! Filters JSON as `jq` does (`--jq`). jaq runs the filters.

use axme_client::Json;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};

use crate::failure::Failure;

type Filter = jaq_core::Filter<data::JustLut<Val>>;

/// Checks a filter before anything is called.
pub(crate) fn check(query: &str) -> Result<(), Failure> {
    compile(query).map(|_| ())
}

/// Returns the outputs of a filter, one text for each. A string is its own text, without quotes.
pub(super) fn run(query: &str, input: &Json) -> Result<Vec<String>, Failure> {
    let filter = compile(query)?;
    let input = read::parse_single(input.text().as_bytes()).map_err(Failure::new)?;
    let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let outputs = filter.id.run((context, input)).map(unwrap_valr);
    outputs
        .map(|output| match output {
            Ok(Val::TStr(text)) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Ok(value) => Ok(value.to_string()),
            Err(error) => Err(Failure::new(format!("--jq: {error}"))),
        })
        .collect()
}

fn compile(query: &str) -> Result<Filter, Failure> {
    let wrong = |part: &str| Failure::usage(format!("--jq: cannot read the filter at \"{part}\""));
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(definitions).load(&arena, File { code: query, path: () });
    let modules = modules.map_err(|_| wrong(query))?;
    Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
        let unknown = errors.iter().flat_map(|(_, errors)| errors).map(|(name, _)| *name).next();
        wrong(unknown.unwrap_or(query))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_selects_and_computes() {
        let input = Json::of(&json!({ "intents": [{ "id": "a", "n": 1 }, { "id": "b", "n": 2 }] }));
        assert_eq!(run(".intents[].id", &input).unwrap(), ["a", "b"]);
        assert_eq!(run("[.intents[] | select(.n > 1)] | length", &input).unwrap(), ["1"]);
        assert_eq!(run(".intents[0]", &input).unwrap(), [r#"{"id":"a","n":1}"#]);
        // Numbers are not rounded.
        let large = Json::parse(r#"{"n": 12345678901234567890123}"#).unwrap();
        assert_eq!(run(".n", &large).unwrap(), ["12345678901234567890123"]);
    }

    #[test]
    fn a_wrong_filter_is_a_usage_error() {
        for query in [".intents[", "no_such_function", "$x"] {
            let failure = check(query).unwrap_err();
            assert!(failure.message.starts_with("--jq: "), "{query}: {failure:?}");
        }
        let failure = run(".a", &Json::of(&json!([1]))).unwrap_err();
        assert!(failure.message.starts_with("--jq: "), "{failure:?}");
    }
}
