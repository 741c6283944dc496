//! The largest numbers of settings and of answers.

/// The largest number of an answer: JSON readers with floating point cannot tell larger integers apart.
pub const MAX_INTEGER: u64 = 1 << 53;

/// The longest time span in a setting, in seconds: ten years.
pub const MAX_SPAN_SECONDS: u64 = 315_576_000;

/// Maximum number of reminders to one actor.
pub const MAX_REMINDERS: u64 = 1_000;

/// Maximum number of pushes of one intent that may fail before it fails.
pub const MAX_DELIVERY_ATTEMPTS: u64 = 10_000;

/// The longest time for which an agent may keep an acknowledged intent from its other readers, in seconds: a week.
pub const MAX_ACKNOWLEDGED_SECONDS: u64 = 604_800;
