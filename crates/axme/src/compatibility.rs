//! The choice between our rules and those of the official command line, which `AXME_COMPAT` makes.

use crate::folders;

/// Whether `AXME_COMPAT` asks for the exit codes and the precedence of settings of the official command line.
pub(crate) fn is_official() -> bool {
    folders::environment("AXME_COMPAT").is_some_and(|value| matches!(value.trim(), "1" | "true" | "yes"))
}
