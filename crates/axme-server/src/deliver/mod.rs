//! The ways out of the building. Nothing else opens a socket outwards; everything here goes through the guard.

pub mod guard;
pub mod letters;
pub mod mailer;
pub mod outbound;
pub mod signature;
