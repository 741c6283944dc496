//! Validates and applies scenario bundles.

use axme_api::scenarios::{
    AgentAssignment, AgentProvision, ApplyAnswer, Bundle, DryRunAnswer, DryRunBundle, DryStep, Validation,
};
use axme_api::{ApiError, ErrorCode, Json, JsonFields, Timestamp};
use axme_intent::dry_run::{DryRun, StepRun, dry_run};
use axme_intent::human::{is_email, is_same_person};
use axme_intent::lifecycle::IntentSpec;
use axme_intent::scenario::{Agent, Report, Scenario, read};
use axme_intent::workflow::{Step, StepKind, Target};
use axme_intent::{Address, DeliveryBinding, Time};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::intents::plan_root;
use super::service_accounts;
use super::service_accounts::{Callback, NewAgent, Sharing};
use crate::auth::Caller;
use crate::auth::placement::Placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine::NewIntent;
use crate::error::Result;
use crate::input::{check_ahead, check_size};
use crate::policy::admission::{self, Part};
use crate::policy::asking;
use crate::policy::receivers;
use crate::{engine, views};
use axme_store::service_accounts::AccountStatus;
use axme_store::{Shard, attributes, hex, scenarios as runs, service_accounts as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::scenarios::VALIDATE, prepare_validate, validate)),
    Binding::Transaction(&handler(&axme_api::scenarios::DRY_RUN, prepare_dry_run, answer_dry_run)),
    Binding::Transaction(
        &handler(&axme_api::scenarios::APPLY, prepare_apply, apply)
            .on(|application| Shard::of_intent(application.new.intent().id))
            .key_field("idempotency_key", mark_repeated),
    ),
];

pub(crate) fn prepare_validate(context: &PrepareContext<'_>, input: Bundle) -> Result<Report> {
    let (mut scenario, mut report) = read(&input.body, context.caller.home());
    if let Some(scenario) = &mut scenario {
        report.errors = wrong_callbacks(context, scenario);
        report.errors.extend(out_of_reach(context.caller, scenario));
        report.warnings.extend(ask_applier(context.caller, scenario));
    }
    Ok(report)
}

pub fn validate(_: &mut CallContext<'_, '_>, report: &Report) -> Result<Validation> {
    let (errors, warnings) = (report.errors.clone(), report.warnings.clone());
    Ok(Validation { ok: true, valid: errors.is_empty(), errors, warnings })
}

/// Returns an error for each URL that the server must not call.
fn wrong_callbacks(context: &PrepareContext<'_>, scenario: &Scenario) -> Vec<String> {
    let wrong = |(index, agent): (usize, &Agent)| {
        let why = context.outbound.check(agent.callback_url.as_deref()?).err()?;
        Some(format!("agents[{index}].callback_url: {why}"))
    };
    let targets = |(index, step): (usize, &Step)| {
        let urls =
            step.notice()?.targets.iter().filter(|target| !matches!(target, Target::Email(_) | Target::Inbox(_)));
        let why = urls.filter_map(|target| context.outbound.check(target.to()).err()).next()?;
        Some(format!("workflow.steps[{index}]: {why}"))
    };
    let steps = scenario.plan.iter().flat_map(|plan| plan.steps.iter().enumerate());
    scenario.agents.iter().enumerate().filter_map(wrong).chain(steps.filter_map(targets)).collect()
}

/// Returns an error for each task that cannot get enough answers, because its rules exclude the caller as the
/// requester.
fn out_of_reach(caller: &Caller, scenario: &Scenario) -> Vec<String> {
    let is_requester = |person: &str| {
        is_same_person(person, &caller.owner)
            || caller.address.as_ref().is_some_and(|own| is_same_person(person, own.as_str()))
    };
    let of_step = |(index, step): (usize, &Step)| {
        let StepKind::Human { holder, task, escalated_from } = &step.kind else { return None };
        let holders = [Some(holder), escalated_from.as_ref()].into_iter().flatten();
        let holders: Vec<&str> = holders.map(|holder| holder.reference.as_str()).collect();
        let why = task.out_of_reach(&holders, is_requester)?;
        Some(format!("workflow.steps[{index}].human_task.{why}"))
    };
    let direct = scenario.task.as_ref().and_then(|task| {
        let holder = task.assignees.is_none().then_some(scenario.to.as_str());
        Some(format!("intent.human_task.{}", task.out_of_reach(holder.as_slice(), is_requester)?))
    });
    let steps = scenario.plan.iter().flat_map(|plan| plan.steps.iter().enumerate());
    direct.into_iter().chain(steps.filter_map(of_step)).collect()
}

/// Asks the caller for the people of a bundle who have no contact. Returns a warning for each task about which nobody is
/// mailed, because the caller has no address or must not answer.
fn ask_applier(caller: &Caller, scenario: &mut Scenario) -> Vec<String> {
    let applier = Some(&caller.owner).filter(|owner| caller.address.is_none() && is_email(owner));
    let mut warnings = Vec::new();
    for (index, step) in scenario.plan.iter_mut().flat_map(|plan| plan.steps.iter_mut().enumerate()) {
        let StepKind::Human { holder, task, escalated_from: None } = &mut step.kind else { continue };
        let has_contact = holder.reference.contains(['@', ':']) || holder.reference == "human";
        if has_contact || task.notify_email.is_some() || task.assignees.is_some() {
            continue;
        }
        match applier.filter(|_| !task.is_guarded()) {
            Some(applier) => task.notify_email = Some(applier.clone()),
            None => warnings.push(format!(
                "workflow.steps[{index}]: nobody is mailed about this task: set the contact of \"{}\", or assignees",
                holder.reference
            )),
        }
    }
    warnings
}

pub struct Application {
    new: NewIntent,
    scenario: Scenario,
    warnings: Vec<String>,
    /// The callback of each agent; `None` for an agent without pushes.
    callbacks: Vec<Option<Callback>>,
    compile_id: Option<String>,
}

/// Returns the scenario of a bundle without errors, and its warnings.
fn read_valid(context: &PrepareContext<'_>, bundle: &JsonFields) -> Result<(Scenario, Vec<String>)> {
    let (mut scenario, mut report) = read(bundle, context.caller.home());
    if let Some(scenario) = &mut scenario {
        report.errors = wrong_callbacks(context, scenario);
        report.errors.extend(out_of_reach(context.caller, scenario));
        report.warnings.extend(ask_applier(context.caller, scenario));
    }
    let Some(scenario) = scenario.filter(|_| report.errors.is_empty()) else {
        let error = ApiError::new(ErrorCode::ScenarioInvalid, report.errors.join("; "));
        return Err(error.with("errors", report.errors).with("warnings", report.warnings).into());
    };
    Ok((scenario, report.warnings))
}

/// Walks the workflow before the transaction, which has nothing left to do.
pub(crate) fn prepare_dry_run(context: &PrepareContext<'_>, input: DryRunBundle) -> Result<(DryRun, Vec<String>)> {
    let (scenario, warnings) = read_valid(context, &input.bundle)?;
    context.check_payload("intent.payload", &scenario.payload)?;
    let run = dry_run(spec_of(context, &scenario), &input.answers, Time::from_micros(0))?;
    Ok((run, warnings))
}

pub fn answer_dry_run(_: &mut CallContext<'_, '_>, (run, warnings): &(DryRun, Vec<String>)) -> Result<DryRunAnswer> {
    let step = |run: &StepRun| DryStep {
        step_id: run.step.clone(),
        outcome: run.outcome.clone(),
        answer: run.chosen.clone(),
        asked: run.asked.clone(),
        after_seconds: run.ended_after_seconds,
    };
    Ok(DryRunAnswer {
        ok: true,
        steps: run.runs.iter().map(step).collect(),
        status: run.intent.status(),
        outcome: views::ended(run.intent.outcome()),
        warnings: warnings.clone(),
    })
}

/// Returns the specification of the intent that a scenario submits.
fn spec_of(context: &PrepareContext<'_>, scenario: &Scenario) -> IntentSpec {
    let caller = context.caller;
    let from =
        caller.address.clone().unwrap_or_else(|| Address::resolve(&format!("user://{}", caller.owner), caller.home()));
    let requested_by = caller.requested_by(&from);
    IntentSpec {
        intent_type: scenario.intent_type.clone(),
        correlation_id: context.rng.uuid(),
        from,
        to: scenario.to.clone(),
        reply_to: None,
        payload: scenario.payload.clone(),
        deadline_at: scenario.deadline_at,
        max_delivery_attempts: scenario.max_delivery_attempts,
        reminder_plan: scenario.reminder_plan.clone(),
        task: scenario.task.clone(),
        plan: scenario.plan.clone(),
        requested_by,
        requested_with: caller.key_owner.clone(),
        client: context.client(),
        step: None,
    }
}

pub(crate) fn prepare_apply(context: &PrepareContext<'_>, input: Bundle) -> Result<Application> {
    let (scenario, warnings) = read_valid(context, &input.body)?;
    context.check_payload("intent.payload", &scenario.payload)?;
    check_size("workflow", &scenario.plan)?;
    check_size("intent.human_task", &scenario.task)?;
    let plan_text = scenario.plan.as_ref().map(|plan| Json::of(plan).text().to_owned());
    let compile_id = plan_text.map(|text| format!("cmp_{}", &hex(&Sha256::digest(text))[..24]));
    let spec = spec_of(context, &scenario);
    let values = spec.task.as_ref().filter(|task| task.has_templates()).map(|_| task_values(&scenario, &spec));
    let spec = match values {
        Some(values) => IntentSpec { task: spec.task.map(|task| task.filled(&values)), ..spec },
        None => spec,
    };
    let callbacks =
        scenario.agents.iter().map(|agent| service_accounts::made_callback(context, agent.callback_url.as_deref()));
    let callbacks = callbacks.collect();
    let new = plan_root(context, spec)?;
    Ok(Application { new, scenario, warnings, callbacks, compile_id })
}

/// Returns the values that the texts of a task outside a workflow can read. The intent has no id yet.
fn task_values(scenario: &Scenario, spec: &IntentSpec) -> Value {
    json!({
        "intent_type": spec.intent_type, "from_agent": spec.from, "scenario_id": scenario.scenario_id,
        "payload": spec.payload.value(), "results": {},
    })
}

pub fn apply(cx: &mut CallContext<'_, '_>, application: &Application) -> Result<ApplyAnswer> {
    let scenario = &application.scenario;
    check_ahead("intent.deadline_at", scenario.deadline_at, cx.now)?;
    let new = &application.new;
    let steps = scenario.plan.iter().flat_map(|plan| &plan.steps);
    let steps = steps.filter_map(|step| match &step.kind {
        StepKind::Agent { to, .. } => Some(to),
        _ => None,
    });
    let steps: Vec<&Address> = steps.collect();
    let candidate = admission::Candidate {
        from: new.from(),
        to: new.to(),
        intent_type: new.intent_type(),
        payload: new.payload(),
        part_of_receiver: new.delivered_to().map_or(Part::Named, |_| Part::Receiver),
        steps: steps.clone(),
    };
    let mut warnings = application.warnings.clone();
    let findings = admission::take_in(cx, &candidate, None)?;
    warnings.extend(findings.warnings);
    let mut agents = Vec::new();
    let mut provisioned = Vec::new();
    for (agent, callback) in scenario.agents.iter().zip(&application.callbacks) {
        let known = store::find_agent(cx.tx, cx.caller.workspace, &agent.address)?
            .filter(|known| known.status != AccountStatus::Deleted);
        let (account_id, created) = match known {
            Some(mut account) => {
                if let Some(callback) = callback.as_ref().filter(|_| cx.caller.is_admin()) {
                    service_accounts::push_to(cx, &mut account, callback)?;
                }
                (Some(account.service_account_id), false)
            }
            None if agent.create_if_missing => {
                if !cx.caller.is_admin() {
                    let message = format!("creating agent {} requires a workspace-admin key", agent.address);
                    return Err(ApiError::forbidden(message).into());
                }
                let agent_spec = NewAgent {
                    place: &Placement::own(cx.caller),
                    name: &agent.written,
                    address: &agent.address,
                    display_name: agent.display_name.as_deref(),
                    description: None,
                    delivery_mode: agent.delivery_mode.unwrap_or(DeliveryBinding::Stream),
                    callback: callback.as_ref(),
                    sharing: Sharing::default(),
                };
                let (account, created) = service_accounts::put_agent(cx, &agent_spec)?;
                (Some(account.service_account_id), created)
            }
            None => (None, false),
        };
        let address = agent.address.as_str().to_owned();
        agents.push(AgentAssignment { role: agent.role.clone(), address: address.clone(), created });
        provisioned.push(AgentProvision {
            role: agent.role.clone(),
            agent_address: address.clone(),
            address,
            sa_id: account_id.clone(),
            service_account_id: account_id,
            created,
        });
    }
    // The bundle may have registered them just now.
    warnings.extend(receivers::check(cx, new.delivered_to().into_iter().chain(steps))?);
    asking::check_new(cx.tx, cx.caller.workspace, new.spec())?;
    let decided_again = engine::create(cx.tx, cx.caller.workspace, new)?;
    attributes::insert(cx.tx, cx.caller.workspace, new.intent().id, &findings.attributes)?;
    cx.note_trace(new.intent().id)?;
    runs::insert_run(cx.tx, cx.caller.workspace, &scenario.scenario_id, new.intent().id, &cx.caller.actor())?;
    let intent = decided_again.as_ref().unwrap_or(new).intent();
    let pending_with = intent.pending_with().map(|holder| holder.reference.clone());
    let pending_with =
        pending_with.or_else(|| Some(scenario.to.as_str().to_owned()).filter(|_| scenario.plan.is_none()));
    Ok(ApplyAnswer {
        ok: true,
        intent_id: intent.id.into(),
        scenario_id: scenario.scenario_id.clone(),
        status: intent.status(),
        outcome: views::ended(intent.outcome()),
        pending_with,
        compile_id: application.compile_id.clone(),
        workflow_compile_id: application.compile_id.clone(),
        idempotent: false,
        agents,
        agents_provisioned: provisioned,
        warnings,
        deadline_at: scenario.deadline_at.map(Timestamp),
        created_at: intent.created_at.into(),
    })
}

/// Marks an answer that repeats an earlier one.
pub(crate) fn mark_repeated(answer: &mut JsonFields) {
    answer.set("idempotent", Json::of(&true));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axme_api::openapi;
    use axme_intent::scenario::known;
    use axme_intent::task_types::TASK_TYPES;
    use axme_intent::{fields, policy};

    /// Inputs that are read leniently have a type in the description only.
    #[test]
    fn the_published_fields_are_those_that_the_readers_know() {
        let types = &openapi::document()["components"]["schemas"];
        for (name, known) in [
            ("HumanTask", &fields::HUMAN_TASK[..]),
            ("ScenarioBundle", &known::BUNDLE),
            ("BundleAgent", &known::AGENT),
            ("BundleHuman", &known::HUMAN),
            ("BundleWorkflow", &known::WORKFLOW),
            ("BundleStep", &known::STEP),
            ("StepRetry", &known::RETRY),
            ("BundleIntent", &known::INTENT),
            ("Controls", &policy::CONTROLS),
            ("Envelope", &policy::ENVELOPE),
        ] {
            let published: BTreeSet<&str> =
                types[name]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(published, known.iter().copied().collect(), "{name}");
            assert_eq!(types[name]["additionalProperties"], true, "{name}");
        }
        let published: Vec<&str> =
            types["TaskTypeName"]["enum"].as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
        let known: Vec<&str> = TASK_TYPES.iter().map(|row| row.name).collect();
        assert_eq!(published, known);
    }
}
