//! `axme absence`: when a person is away, and who answers their tasks meanwhile (`docs/people.md`).

use axme_client::Timestamp;
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::me::{self, AbsenceAnswer, AbsenceView, SetAbsence};
use clap::{Args, Subcommand};

use crate::connection::ConnectionSettings;
use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::moments;
use crate::output::{day_time, line};
use crate::session::Session;

/// Say when you are away, and who answers your tasks meanwhile
#[derive(Debug, Subcommand)]
pub(crate) enum Absence {
    /// Show your absence, and for whom you are the deputy
    Show,
    Set(Set),
    /// End your absence now, or take back one to come
    End,
}

/// Name a deputy for a time, in place of an earlier one
///
/// The deputy may answer the tasks that ask you by name, and is mailed about them. The record of each answer says that
/// it was given in your place. Tasks that the deputy requested, or that ask the deputy too, stay yours alone.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme absence set --deputy bob@example.com --until 2027-01-07")]
pub(crate) struct Set {
    /// Email address of the deputy, a member of one of your workspaces
    #[arg(long, value_name = "PERSON")]
    deputy: String,
    /// Beginning, a time or a day in UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = moments::read_day)]
    from: Option<Timestamp>,
    /// End, a time or a day in UTC; a day begins at 00:00
    #[arg(long, value_name = "TIME", value_parser = moments::read_day)]
    until: Timestamp,
}

impl Absence {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = ConnectionSettings::find(flags).await?.person_only().connect()?;
        if session.settings.actor_token.is_none() {
            return Err(Failure::of(Ending::NotSignedIn, "not signed in: run `axme login`"));
        }
        let answer = match self {
            Absence::Show => session.call(&me::ABSENCE, &EmptyInput::default()).await?,
            Absence::Set(Set { deputy, from, until }) => {
                session.call(&me::SET_ABSENCE, &SetAbsence { deputy, from, until }).await?
            }
            Absence::End => session.call(&me::END_ABSENCE, &EmptyInput::default()).await?,
        };
        print(&session, &answer)
    }
}

fn print(session: &Session, answer: &AbsenceAnswer) -> Result<(), Failure> {
    if session.output().is_json() {
        return session.output().print_json(answer);
    }
    let times = |absence: &AbsenceView| format!("from {} until {}", day_time(absence.from), day_time(absence.until));
    match &answer.absence {
        Some(absence) => line(format!("You are away {}. {} answers in your place.", times(absence), absence.deputy))?,
        None => line("You are not away.")?,
    }
    let other = |absence: &AbsenceView| format!("You answer in place of {} {}.", absence.person, times(absence));
    answer.deputy_for.iter().map(other).try_for_each(line)
}
