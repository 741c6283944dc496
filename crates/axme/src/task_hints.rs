//! The commands with which a person answers a task, as hints to copy.

use serde_json::Value;

/// Returns the commands that answer a task, with the required fields.
pub(crate) fn hints(task: &Value, program: &str, id: &str) -> Vec<String> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let outcomes = words(&task["allowed_outcomes"]);
    let needed = words(&task["form_schema"]["required"]);
    // `approved` follows from the outcome, and a field `outcome` is the outcome. A yes needs every box to tick.
    let properties = &task["form_schema"]["properties"];
    let ticks = properties.as_object().into_iter().flatten().filter(|(_, property)| property["const"].is_boolean());
    let ticks = ticks.map(|(name, _)| name.clone()).filter(|name| !needed.contains(name));
    let asked = needed.iter().cloned().chain(ticks).filter(|name| name != "approved" && name != "outcome");
    let value = |name: &str| match &properties[name]["const"] {
        Value::Null => "VALUE".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = asked.map(|name| format!(" --data {}", crate::shell(&format!("{name}={}", value(&name)))));
    let fields = fields.collect::<String>();
    let hint = |what: &str, command: &str| format!("{what:19}{program} tasks {command}");
    let approve = hint("To approve:", &format!("approve {id}{fields}"));
    let reject = |what: &str| hint(what, &format!("reject {id}"));
    let submit = |what: &str, outcome: &str| hint(what, &format!("submit {id} --outcome {outcome}"));
    let on_page = hint("On a page:", &format!("link {id}"));
    let mut hints = match task["task_type"].as_str().unwrap_or_default() {
        "confirmation" => vec![hint("To confirm:", &format!("confirm {id}{fields}")), reject("To deny:")],
        "review" => vec![approve, submit("To ask for changes:", "changes_requested"), reject("To reject:")],
        "assignment" => {
            let fields = if fields.is_empty() { " --data assignee=WHO" } else { &fields };
            vec![hint("To assign:", &format!("assign {id}{fields}")), submit("To decline:", "declined")]
        }
        "form" if fields.is_empty() => vec![submit("To submit:", "submitted --data KEY=VALUE")],
        "form" => vec![submit("To submit:", &format!("submitted{fields}"))],
        "clarification" => vec![
            submit("To answer:", &format!("provided --comment TEXT{fields}")),
            submit("To decline:", "declined --comment WHY"),
        ],
        "manual_action" => vec![
            hint("When it is done:", &format!("complete {id} --data evidence=WHERE{fields}")),
            submit("If it failed:", "failed --data evidence=WHERE"),
        ],
        "override" => vec![
            submit("To override:", &format!("override_approved --comment WHY{fields}")),
            hint("To reject:", &format!("reject {id} --comment WHY")),
        ],
        _ if outcomes.is_empty() || outcomes == ["approved", "rejected"] => vec![approve, reject("To reject:")],
        _ => outcomes.iter().map(|outcome| submit(&format!("For {outcome}:"), outcome)).collect(),
    };
    // Required for every outcome.
    for (rule, name, flag) in
        [("required_comment", "comment", " --comment WHY"), ("evidence_required", "evidence", " --data evidence=WHERE")]
    {
        let lacks = |hint: &str| !hint.contains(&format!("--{name}")) && !hint.contains(&format!(" {name}="));
        hints.iter_mut().filter(|hint| task[rule] == true && lacks(hint)).for_each(|hint| hint.push_str(flag));
    }
    hints.push(on_page);
    hints
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_says_how_to_answer_it() {
        let commands = |task: Value| hints(&task, "axme", "ID").join("\n");
        assert!(commands(json!({})).contains("tasks approve ID"));
        assert!(commands(json!({ "task_type": "confirmation" })).contains("tasks confirm ID"));
        let unheard_of = json!({ "task_type": "unheard_of", "allowed_outcomes": ["go", "stop"] });
        assert!(commands(unheard_of).contains("tasks submit ID --outcome stop"));
        let form = json!({ "form_schema": { "required": ["approved", "days"] } });
        assert!(commands(form).contains("tasks approve ID --data days=VALUE\n"));
        let consent = json!({ "form_schema": { "required": ["terms"], "properties": {
            "agree": { "const": true }, "terms": { "const": "version 2" },
        } } });
        let consent = commands(consent);
        assert!(consent.contains("tasks approve ID --data 'terms=version 2' --data agree=true\n"), "{consent}");
        let strict = json!({ "required_comment": true, "form_schema": { "required": ["cost_center"] } });
        let strict = commands(strict);
        assert!(strict.contains("tasks approve ID --data cost_center=VALUE --comment WHY\n"), "{strict}");
        assert!(strict.contains("tasks reject ID --comment WHY\n") && strict.ends_with("tasks link ID"), "{strict}");
        let talk = json!({ "task_type": "clarification", "required_comment": true, "evidence_required": true });
        let talk = commands(talk);
        assert!(talk.contains("--comment TEXT --data evidence=WHERE\n"), "{talk}");
        assert!(!talk.contains("TEXT --comment"), "{talk}");
    }
}
