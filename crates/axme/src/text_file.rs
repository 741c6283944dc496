//! Text files that people write, on any system. UTF-8 may have a byte order mark. UTF-16 must have one; some shells of
//! Windows write it so. Other files are refused by name.

use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Reads a file of text; `-` is stdin.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| ()),
        false => std::fs::read(file).map(|content| bytes = content),
    };
    let name = file.display().to_string();
    read.map_err(|e| Failure::new(format!("cannot read {name}: {e}")))?;
    decode(&name, bytes)
}

/// Reads a JSON argument: the text itself, `@FILE`, or `@-` for stdin.
pub(crate) fn json_argument<T: DeserializeOwned>(flag: &str, argument: &str) -> Result<T, Failure> {
    let text = match argument.strip_prefix('@') {
        None => argument.to_owned(),
        Some(file) => read(Path::new(file))?,
    };
    serde_json::from_str(&text).map_err(|e| Failure::usage(format!("{flag} takes a JSON object: {e}")))
}

/// Returns the text of a file without its byte order mark.
pub(crate) fn decode(name: &str, mut bytes: Vec<u8>) -> Result<String, Failure> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = units.iter().copied().map(unit).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match &bytes[..] {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0, _, ..] | [_, 0, ..] => {
            return Err(Failure::new(format!("{name} is UTF-16 without a byte order mark; save it as UTF-8")));
        }
        [0xEF, 0xBB, 0xBF, ..] => {
            bytes.drain(..3);
            String::from_utf8(bytes).ok()
        }
        _ => String::from_utf8(bytes).ok(),
    };
    text.ok_or_else(|| Failure::new(format!("{name} is neither UTF-8 nor UTF-16; save it as UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_every_system_are_read_or_refused_by_name() {
        let json = "{\"a\":\r\n \"ü\"}\r\n";
        let units: Vec<u16> = json.encode_utf16().collect();
        let little: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(units.iter().flat_map(|unit| unit.to_le_bytes())).collect();
        let big: Vec<u8> = [0xFE, 0xFF].into_iter().chain(units.iter().flat_map(|unit| unit.to_be_bytes())).collect();
        let marked: Vec<u8> = [0xEF, 0xBB, 0xBF].into_iter().chain(json.bytes()).collect();
        for bytes in [json.as_bytes().to_vec(), marked, little.clone(), big] {
            assert_eq!(decode("a.json", bytes).unwrap(), json);
        }
        for wrong in [little[2..].to_vec(), little[..7].to_vec(), vec![b'a', 0xFC]] {
            let failure = decode("a.json", wrong).unwrap_err();
            assert!(failure.message.starts_with("a.json is "), "{failure:?}");
        }
    }
}
