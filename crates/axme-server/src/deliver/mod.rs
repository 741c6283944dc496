//! The ways out of the building. Nothing else opens a socket outwards; everything here goes through the guard.

pub mod guard;
pub mod mail_templates;
pub mod mailer;
pub mod outbound;
