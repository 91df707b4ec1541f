//! Keys of encrypted segments: EXT-X-KEY lines (RFC 8216 §4.3.2.4).
//!
//! A key without an IV implies one: the media sequence number (§5.2). The publisher counts numbers
//! by itself, so a split gap or a missing number would shift the IV of all later segments. A line
//! is therefore kept as it was given, and each segment gets it with the IV of its producer's
//! number.
//!
//! The IV that the publisher adds stands directly behind METHOD; an IV that was given never does.
//! A line that is read from a playlist thus shows which of the two it has, and whether the next
//! segment has the same.

use super::attributes::{self, TagLine, Value};

const TAG: &str = "#EXT-X-KEY";
const IDENTITY: &str = "identity";

/// Ends all keys that are in force.
pub(crate) const NO_KEY: &str = "#EXT-X-KEY:METHOD=NONE";

/// An attribute list (§4.2) in its order, each value as written.
struct Attributes<'a>(Vec<(&'a str, Value<'a>)>);

impl<'a> Attributes<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let found = attributes::read(line, TAG)?;
        let is_valid = |(at, (name, value)): (usize, &(&str, Value<'_>))| {
            // No attribute may come twice.
            let is_first = found[..at].iter().all(|(other, _)| other != name);
            is_first && is_name(name) && is_value(*value)
        };
        let are_valid = found.iter().enumerate().all(is_valid);
        are_valid.then_some(Self(found))
    }

    fn get(&self, name: &str) -> Option<Value<'a>> {
        let found = self.0.iter().find(|(its, _)| *its == name);
        found.map(|(_, value)| *value)
    }

    fn format(&self) -> &'a str {
        let format = self.get("KEYFORMAT").and_then(Value::quoted);
        format.unwrap_or(IDENTITY)
    }

    /// §5.2 defines it for the format `identity`. Players do the same for AES-128 in any format;
    /// the other methods of a format define their own IVs.
    fn implies_iv(&self) -> bool {
        let is = |method| self.get("METHOD") == Some(Value::Plain(method));
        let by_number = self.format() == IDENTITY || is("AES-128");
        !is("NONE") && by_number && self.get("IV").is_none()
    }

    /// The index of the attribute behind METHOD, if it is an IV.
    fn iv_behind_method(&self) -> Option<usize> {
        let behind = self.0.iter().position(|(name, _)| *name == "METHOD")? + 1;
        let (name, _) = self.0.get(behind)?;
        (*name == "IV").then_some(behind)
    }

    fn print(&self) -> String {
        let add = |line: TagLine, (name, value): &(&str, Value<'_>)| line.value(name, *value);
        self.0.iter().fold(TagLine::new(TAG), add).finish()
    }
}

fn is_name(name: &str) -> bool {
    let is_in_one = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(is_in_one)
}

fn is_value(value: Value<'_>) -> bool {
    let is_in_one = |it: char| it != '"' && !it.is_whitespace();
    let plain = value.plain();
    plain.is_none_or(|text| !text.is_empty() && text.chars().all(is_in_one))
}

/// 128 bits.
fn is_iv(value: Value<'_>) -> bool {
    let plain = value.plain().unwrap_or_default();
    let digits = plain.strip_prefix("0x").or(plain.strip_prefix("0X"));
    digits.is_some_and(|it| {
        (1..=32).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The IV that a number implies: big-endian, padded on the left with zeros (§5.2).
fn implied(number: u64) -> String {
    format!("0x{number:032X}")
}

/// Checks a key line, or says why it cannot be one.
pub(crate) fn check(line: &str) -> Result<(), &'static str> {
    let list = Attributes::of(line).ok_or("it is not an attribute list")?;
    match list.get("METHOD") {
        None => return Err("a key needs a METHOD"),
        Some(Value::Plain("NONE")) if list.0.len() > 1 => {
            return Err("a key with METHOD=NONE must have no other attribute");
        }
        Some(Value::Plain("NONE")) => return Ok(()),
        Some(Value::Quoted(_)) => return Err("METHOD must not be quoted"),
        Some(Value::Plain(_)) => {}
    }
    let uri = list.get("URI").and_then(Value::quoted);
    if uri.is_none_or(str::is_empty) {
        return Err("a key needs a quoted URI, unless its METHOD is NONE");
    }
    let are_quoted = ["KEYFORMAT", "KEYFORMATVERSIONS"]
        .iter()
        .all(|name| list.get(name).is_none_or(|value| value.quoted().is_some()));
    if !are_quoted {
        return Err("KEYFORMAT and KEYFORMATVERSIONS must be quoted");
    }
    if !list.get("IV").is_none_or(is_iv) {
        return Err("an IV must be 0x and 1 to 32 hexadecimal digits");
    }
    Ok(())
}

/// A checked line in the form in which it is kept: no IV stands directly behind METHOD.
pub(crate) fn kept(line: &str) -> String {
    let Some(mut list) = Attributes::of(line) else {
        return line.to_owned();
    };
    if let Some(at) = list.iv_behind_method() {
        // The URI stays between them.
        let iv = list.0.remove(at);
        let method = list.0.remove(at - 1);
        list.0.insert(0, method);
        list.0.push(iv);
    }
    list.print()
}

/// The lines for the segment of this number; `None` if they equal the kept ones.
pub(crate) fn of_segment(kept: &[String], number: u64) -> Option<Vec<String>> {
    let iv = implied(number);
    let with_iv = |line: &String| {
        let mut list = Attributes::of(line).filter(Attributes::implies_iv)?;
        let behind = list.0.iter().position(|(name, _)| *name == "METHOD")? + 1;
        list.0.insert(behind, ("IV", Value::Plain(&iv)));
        Some(list.print())
    };
    let lines: Vec<_> = kept.iter().map(with_iv).collect();
    let is_any = lines.iter().any(Option::is_some);
    let or_kept = |(line, kept): (Option<String>, &String)| line.unwrap_or_else(|| kept.clone());
    is_any.then(|| lines.into_iter().zip(kept).map(or_kept).collect())
}

/// The kept form of a line that was read; `None` if this publisher does not write such a line.
pub(crate) fn read(line: &str) -> Option<String> {
    let mut list = Attributes::of(line)?;
    let Some(at) = list.iv_behind_method() else {
        return Some(line.to_owned());
    };
    let (_, iv) = list.0.remove(at);
    let iv = iv.plain()?;
    let number = iv.strip_prefix("0x").map(|it| u64::from_str_radix(it, 16));
    let is_ours = number.is_some_and(|it| it.is_ok_and(|number| implied(number) == iv));
    (is_ours && list.implies_iv()).then(|| list.print())
}

/// The format of a key line; keys of different formats are in force side by side.
pub(crate) fn format(line: &str) -> String {
    let list = Attributes::of(line);
    list.map_or_else(|| IDENTITY.into(), |it| it.format().to_owned())
}

/// KEYFORMAT and KEYFORMATVERSIONS need version 5 (§7). An IV needs version 2, which every
/// playlist here has.
pub(crate) fn takes_version_5(line: &str) -> bool {
    let names = ["KEYFORMAT", "KEYFORMATVERSIONS"];
    Attributes::of(line).is_some_and(|it| names.iter().any(|name| it.get(name).is_some()))
}

/// A set of keys that replaces another one needs no METHOD=NONE.
pub(crate) fn plain(mut keys: Vec<String>) -> Vec<String> {
    if keys.len() > 1 {
        keys.retain(|line| line != NO_KEY);
    }
    keys
}
