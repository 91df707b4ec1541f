//! Windows.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::path::{self, Component, Path, PathBuf, Prefix};

use tempfile::{NamedTempFile, PersistError};

use super::windows_names;

const ERROR_TOO_MANY_OPEN_FILES: i32 = 4;
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_SHARING_VIOLATION: i32 = 32;
const ERROR_LOCK_VIOLATION: i32 = 33;

/// Some functions of the system take no path of 260 units or more, and none for a directory of
/// 248. A temp file's name has 25.
const SHORT: usize = 200;

/// Whether a system call that failed with this code may succeed later. Of a sharing or a lock
/// violation the reason is another process, such as a virus scanner, that has the file open.
pub(crate) fn is_transient_code(code: i32) -> bool {
    matches!(
        code,
        ERROR_TOO_MANY_OPEN_FILES | ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION
    )
}

pub(crate) fn device(_: &Metadata) -> io::Result<u64> {
    unsupported("the device of a directory is known on Unix only")
}

/// The standard library does not tell the numbers of files. A caller must not take equal numbers
/// for the same file.
pub(crate) fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// A rename here never leaves the first name.
pub(crate) fn has_one_name(_: &File) -> bool {
    true
}

pub(crate) fn special_file(_: FileType) -> Option<&'static str> {
    None
}

/// Whether a component of a path names exactly the file of this name.
pub(crate) fn is_plain_name(name: &OsStr) -> bool {
    windows_names::is_plain(name.as_encoded_bytes())
}

/// The path as `tempfile` can use it, whatever its length. `tempfile` calls the system with paths
/// as they are, whereas the standard library gives long ones the prefix `\\?\`.
pub(crate) fn long(path: &Path) -> Cow<'_, Path> {
    if path.is_absolute() && path.as_os_str().len() < SHORT {
        return Cow::Borrowed(path);
    }
    // A relative path is as long as the current directory makes it.
    match path::absolute(path) {
        Ok(absolute) if absolute.as_os_str().len() >= SHORT => Cow::Owned(verbatim(absolute)),
        _ => Cow::Borrowed(path),
    }
}

/// An absolute path with the prefix `\\?\`, if it can have it.
fn verbatim(absolute: PathBuf) -> PathBuf {
    let mut components = absolute.components();
    let mut long = OsString::from(r"\\?\");
    match components.next() {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::Disk(_) => long.push(prefix.as_os_str()),
            Prefix::UNC(server, share) => {
                long.push(r"UNC\");
                long.push(server);
                long.push(r"\");
                long.push(share);
            }
            _ => return absolute,
        },
        _ => return absolute,
    }
    let mut long = PathBuf::from(long);
    long.extend(components);
    long
}

/// Renames the temp file, unless the target exists.
///
/// The lock goes first: it would keep readers of the final name out (`ERROR_LOCK_VIOLATION`) until
/// the file is closed. A sweep that removes the temp file in between is noticed by the rename.
pub(crate) fn rename_new(
    temp: NamedTempFile<File>,
    target: &Path,
) -> Result<File, PersistError<File>> {
    // A file that could not be locked has nothing to unlock.
    let _ = temp.as_file().unlock();
    let attributes = temp.as_file().metadata().map(|found| found.permissions());
    let renamed = temp.persist_noclobber(long(target));
    if let (Err(refused), Ok(attributes)) = (&renamed, attributes) {
        // `tempfile` has marked the file as temporary, and Windows writes such a file to the disk
        // as late as it can. A failure leaves the mark, and the file is whole with it, too.
        let _ = refused.file.as_file().set_permissions(attributes);
    }
    renamed
}

/// Renames the temp file, and replaces what is at the target, even if a reader has it open.
///
/// `tempfile` cannot do the latter. The standard library can, as it falls back to a rename with
/// POSIX semantics.
pub(crate) fn replace(
    mut temp: NamedTempFile<File>,
    target: &Path,
) -> Result<File, PersistError<File>> {
    match fs::rename(temp.path(), target) {
        Ok(()) => {
            temp.disable_cleanup(true);
            Ok(temp.into_file())
        }
        Err(error) => Err(PersistError { error, file: temp }),
    }
}

/// Every file system here has such a rename.
pub(crate) fn has_no_rename_new(_: &io::Error) -> bool {
    false
}

/// Whether a rename failed because another process has one of the two files open. Windows calls
/// that `ERROR_ACCESS_DENIED` if the target is open and does not allow its deletion, and while a
/// deleted target is still open. It says the same of a directory and of a read-only file.
pub(crate) fn is_held_open(error: &io::Error, target: &Path) -> bool {
    let code = error.raw_os_error();
    let is_held = code.is_some_and(is_transient_code);
    let may_be_held = || match fs::symlink_metadata(target) {
        Ok(found) => found.is_file() && !found.permissions().readonly(),
        Err(_) => true,
    };
    is_held || code == Some(ERROR_ACCESS_DENIED) && may_be_held()
}

pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Fails: no call here makes the names that a directory holds durable.
pub(crate) fn can_sync_directories() -> io::Result<()> {
    unsupported("Windows cannot sync the names of files, so Durability::Full is not supported here")
}

pub(crate) fn sync_directory(_: &File) -> io::Result<()> {
    can_sync_directories()
}

/// A file name of these bytes, which must be UTF-8.
#[cfg(feature = "hls")]
pub(crate) fn os_string(bytes: Vec<u8>) -> io::Result<OsString> {
    String::from_utf8(bytes)
        .map(Into::into)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// The text of the root that a path starts with: `/C:/`, or none if the path is relative. `None` if
/// no text can express the root.
#[cfg(feature = "hls")]
pub(crate) fn text_of_root(root: &Path) -> Option<String> {
    let components: Vec<_> = root.components().collect();
    match components[..] {
        [] => Some(String::new()),
        [Component::RootDir] => Some("/".to_owned()),
        [Component::Prefix(prefix), Component::RootDir] => match prefix.kind() {
            Prefix::Disk(letter) => Some(format!("/{}:/", char::from(letter))),
            _ => None,
        },
        _ => None,
    }
}

/// Splits a text that begins with that of a root.
#[cfg(feature = "hls")]
pub(crate) fn root_of_text(text: &str) -> (PathBuf, &str) {
    let Some(rest) = text.strip_prefix('/') else {
        return (PathBuf::new(), text);
    };
    match (rest.get(..1), rest.get(1..3), rest.get(3..)) {
        (Some(letter), Some(":/"), Some(rest)) if letter.as_bytes()[0].is_ascii_alphabetic() => {
            (format!(r"{letter}:\").into(), rest)
        }
        _ => ("/".into(), rest),
    }
}

fn unsupported<T>(reason: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_the_prefix_that_has_no_limit() {
        let deep = [r"\abcdefghijklmnopqrstuvwxyz"; 10].concat();
        let tests = [
            (format!("C:{deep}"), format!(r"\\?\C:{deep}")),
            (format!("c:/a/..{deep}"), format!(r"\\?\c:{deep}")),
            (format!(r"\\h\s{deep}"), format!(r"\\?\UNC\h\s{deep}")),
            (format!(r"\\?\C:{deep}"), format!(r"\\?\C:{deep}")),
            (format!(r"\\.\pipe{deep}"), format!(r"\\.\pipe{deep}")),
            (r"C:\a\b".into(), r"C:\a\b".into()),
            (r"a\b".into(), r"a\b".into()),
        ];
        for (path, expected) in tests {
            // As text, as all spellings of a prefix are equal as paths.
            assert_eq!(long(Path::new(&path)).as_os_str(), OsStr::new(&expected));
        }
        let relative = long(Path::new(&deep[1..])).into_owned();
        assert!(relative.to_string_lossy().starts_with(r"\\?\"));
        assert!(relative.ends_with(&deep[1..]));
    }

    /// A lock binds readers here.
    #[test]
    fn a_file_with_its_final_name_is_not_locked() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("0.ts");
        for content in ["old", "new"] {
            let temp = tempfile::Builder::new()
                .make_in(directory.path(), |path| File::create_new(path))
                .unwrap();
            fs::write(temp.path(), content).unwrap();
            temp.as_file().try_lock().unwrap();
            let renamed = rename_new(temp, &target).or_else(|it| replace(it.file, &target));
            let _still_open = renamed.unwrap();
            let reader = File::open(&target).unwrap();
            reader.try_lock_shared().unwrap();
            assert_eq!(fs::read(&target).unwrap(), content.as_bytes());
        }
    }

    #[test]
    fn an_access_that_is_denied_may_be_granted_later_for_a_writable_file_only() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("0.ts");
        let denied = io::Error::from_raw_os_error(ERROR_ACCESS_DENIED);
        assert!(is_held_open(&denied, &target));
        fs::write(&target, "0").unwrap();
        assert!(is_held_open(&denied, &target));
        assert!(!is_held_open(&io::Error::from_raw_os_error(2), &target));
        assert!(!is_held_open(&denied, directory.path()));
        let writable = fs::metadata(&target).unwrap().permissions();
        let mut read_only = writable.clone();
        read_only.set_readonly(true);
        fs::set_permissions(&target, read_only).unwrap();
        assert!(!is_held_open(&denied, &target));
        let shared = io::Error::from_raw_os_error(ERROR_SHARING_VIOLATION);
        assert!(is_held_open(&shared, &target));
        fs::set_permissions(&target, writable).unwrap();
    }
}
