//! The largest number of rows that a command shows. With none, an empty list would say that nothing is there.

use std::str::FromStr;

/// Reads a limit.
pub(crate) fn read<N: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    let number = text.parse::<N>().ok().filter(|number| *number >= N::from(1));
    number.ok_or_else(|| "use a whole number, at least 1".to_owned())
}
