//! The types of human tasks: the rules follow every row of the table.

use axme_intent::human::Verdict;
use axme_intent::task_types::{Accepts, Meaning, TASK_TYPES};
use axme_intent::{HumanTask, TaskResult, fields};
use serde_json::json;

fn verdict(task: &HumanTask, word: &str) -> Option<Verdict> {
    let answer = TaskResult { outcome: Some(word.to_owned()), ..TaskResult::default() };
    let (record, verdict) = task.check(&answer).ok()?;
    assert_eq!(record["outcome"], *word, "recorded as it was given");
    assert_eq!(task.means(&answer), verdict, "{word}");
    Some(verdict)
}

#[test]
fn each_row_is_honored_wherever_types_matter() {
    for row in TASK_TYPES {
        let name = row.name;
        let task = HumanTask { task_type: Some(name.to_owned()), ..HumanTask::untitled() };
        for outcome in row.outcomes {
            let expected = if outcome.meaning == Meaning::No { Verdict::Negative } else { Verdict::Positive };
            assert_eq!(verdict(&task, outcome.word), Some(expected), "{name}: {}", outcome.word);
            // A task with its own outcomes, where this one is not the first.
            let own = Some(["hold", outcome.word].map(str::to_owned).to_vec());
            let own = HumanTask { task_type: None, allowed_outcomes: own, ..task.clone() };
            let expected = if outcome.meaning == Meaning::Yes { Verdict::Positive } else { Verdict::Negative };
            assert_eq!(verdict(&own, outcome.word), Some(expected), "{name}: {}", outcome.word);
        }
        let words: Vec<&str> = row.outcomes.iter().map(|outcome| outcome.word).collect();
        match row.accepts {
            Accepts::Listed => {
                assert_eq!(task.shown_outcomes(), words, "{name}");
                assert_eq!(verdict(&task, "unheard_of"), None, "{name}");
            }
            Accepts::AnyWord => assert_eq!(verdict(&task, "unheard_of"), Some(Verdict::Negative), "{name}"),
        }
        assert_eq!(fields::doubts(json!({ "task_type": name }).as_object().unwrap()), [], "{name}");
        let misspelled = fields::doubts(json!({ "task_type": format!("{name}x") }).as_object().unwrap());
        assert!(name.len() < 5 || misspelled[0].1.ends_with(&format!("did you mean {name}?")), "{misspelled:?}");
    }
}
