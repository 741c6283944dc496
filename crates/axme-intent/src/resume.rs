//! Reads the body of `POST /v1/intents/{id}/resume`, a call with many meanings (`spec/protocol.md` §13).

use crate::fields::shown;
use crate::form::truth;
use crate::lifecycle::{Answer, Fault};
use crate::{Json, JsonFields, TaskResult};

/// The kinds of resume calls. The intent's holder decides which of them it accepts.
#[derive(Debug, Clone, PartialEq)]
pub enum Resume {
    /// A person's answer.
    Human(TaskResult),
    /// An agent's answer.
    Agent(Answer),
    /// The control-plane call: proceed with the current step. `comment` is its `reason` or `comment`.
    Proceed { approve: bool, comment: Option<String>, explicit: bool },
    /// `{}`, or only a `reason`: the result of an agent whose function returned nothing. From any other caller, the
    /// same as a request without a body.
    Bare(JsonFields),
    /// The body has no meaning. The text says what is wrong with it.
    Unclear(String),
}

/// The fields of a control-plane call. A body with other fields is an answer.
const CONTROL_FIELDS: [&str; 5] =
    ["approve_current_step", "reason", "actor", "expected_policy_generation", "internal_scheduler"];

impl Resume {
    /// Reads the body; `None` if the request has none.
    pub fn read(body: Option<&JsonFields>) -> Resume {
        let Some(body) = body else {
            return Resume::Proceed { approve: true, comment: None, explicit: false };
        };
        if body.get("task_result").is_some_and(Json::is_object) {
            return Resume::Human(TaskResult::read(body));
        }
        let text = |key: &str| body.string(key);
        match text("action").as_deref() {
            Some("complete") => return Resume::Agent(Answer::Complete(without(body, &["action"]))),
            Some("fail") => return Resume::Agent(Answer::Fail(fault_of(body))),
            _ => {}
        }
        // A declined request to proceed must never be read as a result or as a yes.
        if let Some(given) = body.get("approve_current_step") {
            let comment = text("reason").or_else(|| text("comment"));
            let given = given.value();
            return match truth(&given) {
                Some(approve) => Resume::Proceed { approve, comment, explicit: true },
                None => Resume::Unclear(format!("approve_current_step: must be true or false, not {}", shown(&given))),
            };
        }
        if body.keys().all(|key| key == "reason") {
            return Resume::Bare(body.clone());
        }
        if body.keys().all(|key| CONTROL_FIELDS.contains(&key.as_str())) {
            return Resume::Proceed { approve: true, comment: text("reason"), explicit: false };
        }
        let word = text("status").or_else(|| text("outcome")).unwrap_or_default().to_ascii_lowercase();
        match word.as_str() {
            "failed" | "error" => Resume::Agent(Answer::Fail(fault_of(body))),
            pending if pending.starts_with("pending") => Resume::Agent(Answer::HandOver(body.clone().into())),
            _ => Resume::Agent(Answer::Complete(without(body, &[]))),
        }
    }
}

/// Returns the body as a result, without the server's own fields and `also`.
fn without(body: &JsonFields, also: &[&str]) -> Json {
    let keep = |key: &str| !also.contains(&key) && !matches!(key, "expected_policy_generation" | "internal_scheduler");
    let kept = body.iter().filter(|(key, _)| keep(key)).map(|(key, value)| (key.clone(), value.clone()));
    kept.collect::<JsonFields>().into()
}

/// Returns an agent's failure as a fault, with the whole body as its result.
fn fault_of(body: &JsonFields) -> Fault {
    let result = without(body, &["action"]);
    let given = body.get("error");
    let field = |key: &str| given.and_then(|error| error.field(key)?.string());
    let top = |key: &str| body.string(key);
    let message = field("message")
        .or_else(|| given.and_then(Json::string))
        .or_else(|| ["reason", "message", "error_message"].iter().find_map(|key| top(key)));
    Fault {
        code: field("code").or_else(|| top("code")).unwrap_or_else(|| "agent_failed".to_owned()),
        message: message.unwrap_or_else(|| "the agent reported a failure".to_owned()),
        details: given.cloned().filter(Json::is_object),
        result: Some(result),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Resume {
        Resume::read(body.as_object().map(|body| body.clone().into()).as_ref())
    }

    #[test]
    fn each_shape_has_its_meaning() {
        for bare in [json!({}), json!({"reason": "done"})] {
            assert_eq!(read(bare.clone()), Resume::Bare(bare.as_object().unwrap().clone().into()));
        }
        let go_on = Resume::Proceed { approve: true, comment: None, explicit: false };
        assert_eq!(Resume::read(None), go_on);
        for control in
            [json!({"actor": "x"}), json!({"expected_policy_generation": 1}), json!({"internal_scheduler": true})]
        {
            assert_eq!(read(control), go_on);
        }
        assert!(matches!(
            read(json!({"approve_current_step": true, "reason": "go", "actor": "x"})),
            Resume::Proceed { approve: true, explicit: true, .. }
        ));
        for no in [json!(false), json!("false")] {
            let body = json!({"approve_current_step": no, "comment": "do not deploy"});
            assert!(matches!(read(body), Resume::Proceed { approve: false, explicit: true, .. }));
        }
        for nonsense in [json!(null), json!(0), json!("maybe")] {
            assert!(matches!(read(json!({"approve_current_step": nonsense})), Resume::Unclear(_)));
        }
        assert!(matches!(read(json!({"task_result": {"outcome": "approved"}})), Resume::Human(_)));
        let Resume::Agent(Answer::Complete(result)) = read(json!({"action": "complete", "score": 3})) else { panic!() };
        assert_eq!(result, json!({"score": 3}));
        let Resume::Agent(Answer::Complete(result)) = read(json!({"approved": true})) else { panic!() };
        assert_eq!(result, json!({"approved": true}));
        let Resume::Agent(Answer::Complete(result)) = read(json!({"action": "ship", "x": 1})) else { panic!() };
        assert_eq!(result, json!({"action": "ship", "x": 1}));
        assert!(matches!(read(json!({"status": "pending_human_approval"})), Resume::Agent(Answer::HandOver(_))));
        assert!(matches!(read(json!({"outcome": "error"})), Resume::Agent(Answer::Fail(_))));
    }

    #[test]
    fn a_failure_keeps_its_words() {
        let Resume::Agent(Answer::Fail(fault)) = read(json!({"action": "fail", "reason": "too risky", "score": 9}))
        else {
            panic!()
        };
        assert_eq!((fault.code.as_str(), fault.message.as_str()), ("agent_failed", "too risky"));
        assert_eq!(fault.result, Some(json!({"reason": "too risky", "score": 9}).into()));
    }
}
