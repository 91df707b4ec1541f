//! The values that a playlist can have.

use std::io;

/// A quoted string has no quote and no line break (§4.2).
pub(super) fn quotable(shown: &str, attribute: &str, text: &str) -> io::Result<()> {
    if text.contains(|character: char| character == '"' || character.is_control()) {
        return refuse(format!(
            "the {attribute} of {shown} has a quote or a control character: {text:?}"
        ));
    }
    Ok(())
}

/// A list of formats has no empty one.
pub(super) fn checked_codecs(shown: &str, attribute: &str, codecs: Option<&str>) -> io::Result<()> {
    match codecs {
        Some(list) if list.split(',').any(|it| it.trim().is_empty()) => refuse(format!(
            "the {attribute} of {shown} name an empty format: {list:?}"
        )),
        _ => Ok(()),
    }
}

/// "All characters in the value MUST be from the following set: [a-z], [A-Z], [0-9], '+', '/', '=',
/// '.', '-', and '_'" (bis §4.4.6.1).
pub(super) fn stable_id<'a>(
    shown: &str,
    attribute: &str,
    id: Option<&'a str>,
) -> io::Result<Option<&'a str>> {
    let is_in_one = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=.-_".contains(&byte);
    match id {
        Some(id) if id.is_empty() || !id.bytes().all(is_in_one) => {
            refuse(format!("the {attribute} of {shown} is invalid: {id:?}"))
        }
        id => Ok(id),
    }
}

pub(super) fn refuse<T>(why: String) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}
