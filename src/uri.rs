//! From paths to URI references and back: the one encoder of everything that names segments.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::internal::platform;

/// All but the unreserved characters (RFC 3986 §2.3). So no name can end a quoted string, begin a
/// comment, a query, a fragment or a scheme, or break a line.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A reference to the file `to` from a document that stands in the folder `from` (RFC 3986 §4.2).
///
/// Both paths start at the same place, be that the root of a sink or of the file system.
pub(crate) fn reference(from: &Path, to: &Path) -> io::Result<String> {
    let (from, to) = (Steps::of(from)?, Steps::of(to)?);
    if from.start != to.start {
        return refuse("one path is absolute and the other is not");
    }
    let Some((name, folders)) = to.names.split_last() else {
        return refuse("it names no file");
    };
    let shared = from
        .names
        .iter()
        .zip(folders)
        .take_while(|(one, other)| one == other)
        .count();
    let mut reference = "../".repeat(from.names.len() - shared);
    for folder in &folders[shared..] {
        reference.push_str(&encode(folder));
        reference.push('/');
    }
    reference.push_str(&encode(name));
    Ok(reference)
}

/// The file that a reference, as [`reference`] makes them, names from a document in the folder
/// `from`.
pub(crate) fn resolve(from: &Path, reference: &str) -> io::Result<PathBuf> {
    let mut path: PathBuf = Steps::of(from)?.into();
    for part in reference.split('/') {
        if part == ".." {
            if !path.pop() {
                return refuse("it leads out of the folder that all paths start from");
            }
        } else if part.is_empty() || part.contains(['?', '#', ':']) {
            return refuse("it is no relative reference to a file");
        } else {
            path.push(decode(part)?);
        }
    }
    Ok(path)
}

/// A path without its detours, so that two spellings of one file are equal.
pub(crate) fn plain(path: &Path) -> io::Result<PathBuf> {
    Steps::of(path).map(PathBuf::from)
}

/// Whether both may name the same file. File systems such as FAT, exFAT, NTFS and APFS ignore the
/// case of a name, and some of them dots and spaces at its end: so both are ignored here, the case
/// in ASCII.
pub(crate) fn may_be_same(one: &Path, other: &Path) -> bool {
    let (Ok(one), Ok(other)) = (Steps::of(one), Steps::of(other)) else {
        return false;
    };
    one.start == other.start
        && one.names.len() == other.names.len()
        && one
            .names
            .iter()
            .zip(&other.names)
            .all(|(one, other)| without_end(one).eq_ignore_ascii_case(without_end(other)))
}

/// A name without the dots and spaces at its end.
fn without_end(name: &OsStr) -> &[u8] {
    let name = name.as_encoded_bytes();
    let end = name.iter().rposition(|byte| !b". ".contains(byte));
    &name[..end.map_or(0, |last| last + 1)]
}

fn encode(name: &OsStr) -> String {
    percent_encode(name.as_encoded_bytes(), RESERVED).to_string()
}

fn decode(part: &str) -> io::Result<OsString> {
    let bytes: Vec<u8> = percent_decode_str(part).collect();
    if bytes.contains(&b'/') || bytes.contains(&0) || bytes == b".." || bytes == b"." {
        return refuse("it names no file");
    }
    platform::os_string(bytes)
}

/// The steps of a path from where it starts.
struct Steps<'a> {
    start: Vec<Component<'a>>,
    names: Vec<&'a OsStr>,
}

impl<'a> Steps<'a> {
    fn of(path: &'a Path) -> io::Result<Self> {
        let mut steps = Self {
            start: Vec::new(),
            names: Vec::new(),
        };
        for component in path.components() {
            match component {
                Component::Prefix(_) | Component::RootDir => steps.start.push(component),
                Component::CurDir => {}
                Component::Normal(name) if name.as_encoded_bytes().contains(&0) => {
                    return refuse("it contains a NUL byte");
                }
                Component::Normal(name) => steps.names.push(name),
                Component::ParentDir => {
                    return refuse("it contains \"..\", so where it leads depends on links");
                }
            }
        }
        Ok(steps)
    }
}

impl From<Steps<'_>> for PathBuf {
    fn from(steps: Steps<'_>) -> Self {
        let mut path: PathBuf = steps.start.iter().collect();
        path.extend(steps.names);
        path
    }
}

fn refuse<T>(why: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_leads_from_the_document_to_the_file_and_back() {
        for (from, to, expected) in [
            ("", "0.ts", "0.ts"),
            ("live", "live/0.ts", "0.ts"),
            ("live", "live/video/0.ts", "video/0.ts"),
            ("live/a/b", "live/c/0.ts", "../../c/0.ts"),
            ("./live/.", "live//x/./0.ts", "x/0.ts"),
            ("/srv/live", "/srv/live/0.ts", "0.ts"),
            ("/srv/live", "/0.ts", "../../0.ts"),
            (
                "",
                "a b/c:d#e?f%g\"h\n.ts",
                "a%20b/c%3Ad%23e%3Ff%25g%22h%0A.ts",
            ),
            ("", "Ünï.ts", "%C3%9Cn%C3%AF.ts"),
            ("", "http:x", "http%3Ax"),
        ] {
            let found = reference(Path::new(from), Path::new(to)).unwrap();
            assert_eq!(found, expected);
            let back = resolve(Path::new(from), &found).unwrap();
            assert_eq!(back, plain(Path::new(to)).unwrap());
        }
    }

    #[test]
    fn names_that_differ_in_case_or_in_their_ends_may_be_the_same() {
        let may_be_same = |one, other| may_be_same(Path::new(one), Path::new(other));
        for (one, other) in [
            ("live.m3u8", "live.m3u8"),
            ("live.m3u8", "LIVE.M3u8"),
            ("live.m3u8", "./live.m3u8. ."),
            ("a/b", "A ./B"),
            ("/a/b", "/a/B"),
            ("\u{fc}.m3u8", "\u{fc}.M3U8"),
            ("...", " "),
        ] {
            assert!(may_be_same(one, other), "{one:?} {other:?}");
            assert!(may_be_same(other, one), "{one:?} {other:?}");
        }
        for (one, other) in [
            ("live.m3u8", "live.m3u"),
            ("live.m3u8", " live.m3u8"),
            ("live.m3u8", "live .m3u8"),
            ("live.m3u8", ".live.m3u8"),
            ("live.m3u8", "a/live.m3u8"),
            ("live.m3u8", "live.m3u8/a"),
            ("live.m3u8", "/live.m3u8"),
            ("live.m3u8", "a/../live.m3u8"),
        ] {
            assert!(!may_be_same(one, other), "{one:?} {other:?}");
            assert!(!may_be_same(other, one), "{one:?} {other:?}");
        }
    }

    #[test]
    fn what_names_no_file_below_is_refused() {
        for (from, to) in [
            ("", ""),
            ("", "."),
            ("", "../x"),
            ("a", "/b"),
            ("/a", "b"),
            ("", "/"),
            ("", "a\0b"),
        ] {
            assert!(
                reference(Path::new(from), Path::new(to)).is_err(),
                "{from:?} {to:?}"
            );
        }
        for uri in [
            "",
            "/x",
            "a//b",
            "..",
            "../x",
            "http://h/x",
            "x?y",
            "x#y",
            "%2e%2e/x",
            "a%2fb",
            "%00",
            "x/",
        ] {
            assert!(resolve(Path::new(""), uri).is_err(), "{uri:?}");
        }
    }
}
