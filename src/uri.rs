//! From paths to URI references and back: the one encoder of everything that names segments.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::internal::{paths, platform};

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
        reference.push_str(&encode(folder)?);
        reference.push('/');
    }
    reference.push_str(&encode(name)?);
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

/// A reference to the file from the root of all paths. The root of an absolute path comes first.
pub(crate) fn from_root(file: &Path) -> io::Result<String> {
    let root: PathBuf = Steps::of(file)?.start.iter().collect();
    let Some(text) = platform::text_of_root(&root) else {
        return refuse("its root has no text");
    };
    Ok(text + &reference(&root, file)?)
}

/// The file that a reference of [`from_root`] names.
pub(crate) fn resolve_from_root(text: &str) -> io::Result<PathBuf> {
    let (root, reference) = platform::root_of_text(text);
    resolve(&root, reference)
}

/// A path without its detours, so that two spellings of one file are equal.
pub(crate) fn plain(path: &Path) -> io::Result<PathBuf> {
    Steps::of(path).map(PathBuf::from)
}

/// Whether both may name the same file, on a file system that takes some names for one.
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
            .all(|(one, other)| paths::may_be_same(one, other))
}

fn encode(name: &OsStr) -> io::Result<String> {
    if !platform::is_plain_name(name) {
        return refuse("it has a name that this system takes for something else");
    }
    Ok(percent_encode(name.as_encoded_bytes(), RESERVED).to_string())
}

/// The name in one part of a reference: a single component of a path that leads nowhere else.
fn decode(part: &str) -> io::Result<OsString> {
    let bytes: Vec<u8> = percent_decode_str(part).collect();
    if bytes.contains(&0) {
        return refuse("it contains a NUL byte");
    }
    let name = platform::os_string(bytes)?;
    let mut components = Path::new(&name).components();
    match (components.next(), components.next()) {
        // Equal, as `Path` ignores a separator or a dot at the end.
        (Some(Component::Normal(only)), None) if only == name && platform::is_plain_name(only) => {
            Ok(name)
        }
        _ => refuse("it names no file"),
    }
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
            ("", "a b/c#d%e&f.ts", "a%20b/c%23d%25e%26f.ts"),
            ("", "Ünï.ts", "%C3%9Cn%C3%AF.ts"),
        ] {
            let found = reference(Path::new(from), Path::new(to)).unwrap();
            assert_eq!(found, expected);
            let back = resolve(Path::new(from), &found).unwrap();
            assert_eq!(back, plain(Path::new(to)).unwrap());
        }
    }

    /// A Unix takes these for names, and Windows does not.
    #[test]
    fn a_name_is_one_component_of_a_path_by_the_rules_of_the_system() {
        for (name, uri) in [
            ("c:d?e\"f\n.ts", "c%3Ad%3Fe%22f%0A.ts"),
            ("http:x", "http%3Ax"),
            ("12:00:00.ts", "12%3A00%3A00.ts"),
            ("C:\\Windows\\x", "C%3A%5CWindows%5Cx"),
            ("..\\..\\x", "..%5C..%5Cx"),
            ("\\\\host\\share\\x", "%5C%5Chost%5Cshare%5Cx"),
            ("a\\b", "a%5Cb"),
            ("nul", "nul"),
            ("0.ts.", "0.ts."),
            ("0.ts ", "0.ts%20"),
        ] {
            let from = Path::new("live");
            let file = Path::new("live/video").join(name);
            let (to_uri, to_file) = (
                reference(from, &file),
                resolve(from, &format!("video/{uri}")),
            );
            if platform::is_plain_name(OsStr::new(name)) {
                assert_eq!(to_uri.unwrap(), format!("video/{uri}"));
                assert_eq!(to_file.unwrap(), file);
            } else {
                assert!(to_file.is_err(), "{uri:?} {to_file:?}");
                // Several components are several names.
                let is_one = file.file_name() == Some(OsStr::new(name));
                assert!(!is_one || to_uri.is_err(), "{name:?} {to_uri:?}");
            }
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
