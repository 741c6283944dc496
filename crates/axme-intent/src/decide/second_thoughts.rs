//! Decisions on second thoughts about an open task: questions to the requester, the requester's replies, and withdrawals.
//!
//! A question takes no right away. Deadlines go on, everybody who is asked may still answer, and an answer that decides
//! the task ends the question with it. Reminders go to the requester until the reply; nothing escalates meanwhile.

use axme_types::ErrorCode;
use axme_words::Language;

use super::DecisionBuilder;
use crate::human::{AskBack, MAX_QUESTIONS, Question, Reply, Withdrawal, is_same_person};
use crate::lifecycle::{Effect, EventBody, Occasion, Refusal, TimerKind};
use crate::prospect::shown;
use crate::workflow::Plan;

impl DecisionBuilder<'_> {
    pub(super) fn ask_back(&mut self, plan: Option<&Plan>, ask: AskBack) -> Result<(), Refusal> {
        let (waiting, _) = self.open_task()?;
        let by = self.input.actor.clone();
        if let Some(refusal) = self.intent.bars(&by, &ask.standing) {
            return Err(refusal);
        }
        if let Some(open) = waiting.open_question() {
            let message = format!(
                "{} already asked {}: wait for the reply, or answer the task",
                open.by,
                shown(&open.to.reference, Language::English)
            );
            return Err(Refusal::new(ErrorCode::QuestionOpen, message));
        }
        if waiting.questions.len() >= MAX_QUESTIONS {
            let message = format!("this task has {MAX_QUESTIONS} questions, the maximum: answer it");
            return Err(Refusal::new(ErrorCode::TooManyQuestions, message));
        }
        let AskBack { text, to, email, via, through, .. } = ask;
        let mailed: Vec<String> = email.iter().cloned().collect();
        let question = Question { by, via, through, at: self.at(), to, email, text, reply: None };
        self.push(EventBody::Questioned { question });
        self.mail(Occasion::Questioned, &mailed);
        self.begin_reminders_again(plan);
        Ok(())
    }

    /// Records the requester's reply. Callers check first that the author is the requester.
    pub(super) fn reply(&mut self, plan: Option<&Plan>, reply: Reply) -> Result<(), Refusal> {
        let (waiting, _) = self.open_task()?;
        let Some(open) = waiting.open_question() else {
            return Err(Refusal::new(
                ErrorCode::NoOpenQuestion,
                "this task has no question without a reply".to_owned(),
            ));
        };
        let asked_by = open.by.clone();
        let reply = Reply { by: self.input.actor.clone(), at: self.at(), ..reply };
        self.push(EventBody::Replied { asked_by, reply });
        self.mail(Occasion::Replied, &self.emails());
        self.begin_reminders_again(plan);
        Ok(())
    }

    /// Withdraws the author's yes. That is possible while the quorum has not decided: until then, nothing follows from it.
    pub(super) fn withdraw(&mut self, withdrawal: Withdrawal) -> Result<(), Refusal> {
        let (waiting, task) = self.open_task()?;
        let by = &self.input.actor;
        let Some(vote) = waiting.votes.iter().find(|vote| is_same_person(&vote.by, by)).cloned() else {
            let message = format!("{by} has not said yes to this task, so there is nothing to withdraw");
            return Err(Refusal::new(ErrorCode::NothingToWithdraw, message));
        };
        if let Some(refusal) = task.needs_person(&withdrawal.standing) {
            return Err(refusal);
        }
        let Withdrawal { comment, via, through, .. } = withdrawal;
        self.push(EventBody::Withdrawn { vote, via, through, comment });
        Ok(())
    }

    /// Starts the reminder plan again for the actor who has to act now.
    fn begin_reminders_again(&mut self, plan: Option<&Plan>) {
        self.effect(Effect::ClearTimer(TimerKind::ReminderStage));
        self.schedule_stage(plan);
    }
}
