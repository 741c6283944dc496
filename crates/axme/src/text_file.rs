//! Text files that people write: read from a path, or from stdin as `-`.

use std::io::Read as _;
use std::path::Path;

use crate::failure::Failure;

/// Reads a file of text without its byte order mark, which some editors write. Refuses UTF-16 by name.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| ()),
        false => std::fs::read(file).map(|content| bytes = content),
    };
    let name = file.display();
    read.map_err(|e| Failure::new(format!("cannot read {name}: {e}")))?;
    match &bytes[..] {
        [0xEF, 0xBB, 0xBF, rest @ ..] => bytes = rest.to_vec(),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => {
            return Err(Failure::new(format!("{name} is UTF-16; save it as UTF-8")));
        }
        _ => {}
    }
    String::from_utf8(bytes).map_err(|_| Failure::new(format!("{name} is not UTF-8; save it as UTF-8")))
}
