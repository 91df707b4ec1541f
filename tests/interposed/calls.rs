//! The functions of libc that this binary puts itself in the place of.
//!
//! All that is unsafe in these tests is in here. It is sound because each function does what the
//! one of libc does that it stands for: it is given what that one would be given, under the same
//! contract, and hands it on unchanged to the kernel, or to libc's own function, unless the plan
//! says that the call fails or is cut short, which the contract allows at any time. Paths are read
//! before they are handed on, as C strings that the caller vouches for. Nothing in here unwinds:
//! where std would panic, it aborts.
//!
//! `open` and its like are variadic in C. Here the mode is an ordinary argument, which the calling
//! conventions of 64-bit Linux pass the same way; where the caller gave none it is never looked at
//! by the kernel either.
#![allow(
    unsafe_code,
    reason = "a function of libc can be stood in for in no other way"
)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{AT_FDCWD, DIR, c_long, dirent64, iovec, mode_t, off64_t, size_t, ssize_t};

use super::{Call, Fault, IS_COUNTED, Kind, Session, session};

/// The return value of a failed call.
trait Returned: Copy {
    const FAILED: Self;
    fn has_failed(self) -> bool;
    fn number(self) -> i64;
}

impl Returned for c_int {
    const FAILED: Self = -1;
    fn has_failed(self) -> bool {
        self == Self::FAILED
    }
    fn number(self) -> i64 {
        self.into()
    }
}

impl<T> Returned for *mut T {
    const FAILED: Self = std::ptr::null_mut();
    fn has_failed(self) -> bool {
        // At its end a folder is as null as after an error, but says no code.
        self.is_null() && errno() != 0
    }
    fn number(self) -> i64 {
        i64::from(!self.is_null())
    }
}

/// A number of bytes, or -1.
#[derive(Clone, Copy)]
struct Size(ssize_t);

impl Returned for Size {
    const FAILED: Self = Self(-1);
    fn has_failed(self) -> bool {
        self.0 == -1
    }
    fn number(self) -> i64 {
        i64::try_from(self.0).unwrap_or(-1)
    }
}

fn errno() -> c_int {
    // SAFETY: libc returns the address of a number that belongs to this thread for its whole life.
    unsafe { *libc::__errno_location() }
}

fn set_errno(code: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = code }
}

/// Has the call made, or failed, and notes it. `describe` says what it is, or `None` of what does
/// not count; `real` makes it, with no more than the given number of bytes.
fn pass<R: Returned>(
    describe: impl FnOnce(&Session) -> Option<Call>,
    real: impl FnOnce(usize) -> R,
    note: impl FnOnce(&mut Session, &mut Call, R),
) -> R {
    let before = errno();
    // Off while this thread is in here, so that nothing that happens in here counts.
    if !IS_COUNTED.replace(false) {
        return real(usize::MAX);
    }
    let mut session = session();
    let described = session.as_ref().and_then(describe);
    let (Some(open), Some(mut call)) = (&mut *session, described) else {
        drop(session);
        set_errno(before);
        let result = real(usize::MAX);
        let after = errno();
        IS_COUNTED.set(true);
        set_errno(after);
        return result;
    };
    let position = open.calls.len();
    call.openings = open.openings;
    let fault = open.plan.as_mut().and_then(|plan| plan(position, &call));
    call.is_injected = matches!(fault, Some(Fault::Code(_) | Fault::Short(_)));
    let result = match fault {
        Some(Fault::Code(code) | Fault::Unknown(code)) => {
            if matches!(call.kind, Kind::Close | Kind::CloseFolder) {
                real(usize::MAX);
            }
            set_errno(code);
            R::FAILED
        }
        Some(Fault::Short(length)) => {
            set_errno(before);
            real(length)
        }
        None => {
            set_errno(before);
            real(usize::MAX)
        }
    };
    let after = errno();
    call.outcome = if result.has_failed() {
        Err(after)
    } else {
        Ok(result.number())
    };
    note(open, &mut call, result);
    open.calls.push(call);
    drop(session);
    IS_COUNTED.set(true);
    set_errno(after);
    result
}

fn no_note<R>(_: &mut Session, _: &mut Call, _: R) {}

/// # Safety
///
/// It is null, or a C string that lives for as long as this runs.
unsafe fn path_of(path: *const c_char) -> Option<PathBuf> {
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it.
    let path = unsafe { CStr::from_ptr(path) };
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    Some(if path.is_absolute() {
        path.to_path_buf()
    } else {
        std::env::current_dir().unwrap_or_default().join(path)
    })
}

/// The path that begins at the folder of this descriptor. `None` if that was not opened by a counted
/// call.
///
/// # Safety
///
/// As for [`path_of`].
unsafe fn path_at(session: &Session, folder: c_int, path: *const c_char) -> Option<PathBuf> {
    if path.is_null() || folder == AT_FDCWD {
        // SAFETY: the caller vouches for it.
        return unsafe { path_of(path) };
    }
    // SAFETY: the caller vouches for it.
    let path = unsafe { CStr::from_ptr(path) };
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    if path.is_absolute() {
        return Some(path.to_path_buf());
    }
    let (_, folder) = session.handles.get(&key(folder))?;
    // Without the `.` at its end, by which a folder is opened anew.
    Some(folder.join(path).components().collect())
}

fn by_handle(
    kind: Kind,
    function: &'static str,
    key: usize,
) -> impl FnOnce(&Session) -> Option<Call> {
    move |session| {
        let (handle, path) = session.handles.get(&key)?;
        Some(Call {
            handle: *handle,
            ..Call::new(kind, function, path.clone())
        })
    }
}

fn key(descriptor: c_int) -> usize {
    usize::try_from(descriptor).unwrap_or(usize::MAX)
}

fn opened(session: &mut Session, call: &mut Call, key: usize) {
    session.openings += 1;
    call.handle = session.openings;
    session
        .handles
        .insert(key, (call.handle, call.path.clone()));
}

/// A system call that takes numbers and addresses and returns a small number.
macro_rules! system {
    ($number:ident $(, $argument:expr)*) => {{
        let own = own_syscall();
        // SAFETY: the arguments are those that the caller gave to the function of libc that makes
        // this system call, whose contract is the kernel's.
        let result: c_long = unsafe { own(libc::$number $(, $argument)*) };
        result
    }};
}

type SystemCall = unsafe extern "C" fn(c_long, ...) -> c_long;

/// libc's own `syscall`, looked up once, as std makes its calls for locks by it.
fn own_syscall() -> SystemCall {
    static OWN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut found = OWN.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name is a C string.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"syscall".as_ptr()) };
        OWN.store(found, Ordering::Relaxed);
    }
    assert!(
        !found.is_null(),
        "libc lacks a function that every version has"
    );
    // SAFETY: this is the type of that function.
    unsafe { std::mem::transmute::<*mut c_void, SystemCall>(found) }
}

/// `rustix` makes its `openat2` by this. Any other call passes.
///
/// It is variadic in C, and here it takes as many arguments as any system call. Those that the caller
/// has not given have some value, and no system call looks at them.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    first: c_long,
    second: c_long,
    third: c_long,
    fourth: c_long,
    fifth: c_long,
    sixth: c_long,
) -> c_long {
    let real = |_| {
        let own = own_syscall();
        // SAFETY: what the caller gave is handed on to what it meant to call.
        unsafe { own(number, first, second, third, fourth, fifth, sixth) }
    };
    if number != libc::SYS_openat2 {
        return real(0);
    }
    let (folder, path) = (
        c_int::try_from(first).unwrap_or(-1),
        std::ptr::with_exposed_provenance::<c_char>(usize::try_from(second).unwrap_or_default()),
    );
    let opened = pass(
        |session| {
            // SAFETY: the caller vouches for the path.
            let path = unsafe { path_at(session, folder, path) }?;
            Some(Call::new(Kind::Open, "openat2", path))
        },
        |limit| small(real(limit)),
        |session, call, result| {
            if !result.has_failed() {
                opened(session, call, key(result));
            }
        },
    );
    opened.into()
}

fn size(result: c_long) -> Size {
    Size(ssize_t::try_from(result).unwrap_or(-1))
}

fn small(result: c_long) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}

/// libc's own function, for those that are more than a system call.
macro_rules! own {
    ($name:literal as $kind:ty) => {{
        // SAFETY: the name is a C string, and libc has a function of this name and type.
        unsafe {
            let found = libc::dlsym(libc::RTLD_NEXT, $name.as_ptr());
            assert!(
                !found.is_null(),
                "libc lacks a function that every version has"
            );
            std::mem::transmute::<*mut c_void, $kind>(found)
        }
    }};
}

unsafe fn open_at(
    function: &'static str,
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    let kind = if flags & libc::O_CREAT == 0 {
        Kind::Open
    } else if flags & libc::O_EXCL != 0 {
        Kind::Create
    } else {
        Kind::Unknown
    };
    pass(
        |session| {
            // SAFETY: the caller of `open` vouches for the path.
            let path = unsafe { path_at(session, folder, path) }?;
            Some(Call::new(kind, function, path))
        },
        |_| small(system!(SYS_openat, folder, path, flags, c_uint::from(mode))),
        |session, call, result| {
            if !result.has_failed() {
                opened(session, call, key(result));
            }
        },
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: handed on.
    unsafe { open_at("open", AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: handed on.
    unsafe { open_at("open64", AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: handed on.
    unsafe { open_at("openat", folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: handed on.
    unsafe { open_at("openat64", folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    pass(
        by_handle(Kind::Close, "close", key(descriptor)),
        |_| small(system!(SYS_close, descriptor)),
        |session, _, _| drop(session.handles.remove(&key(descriptor))),
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn read(descriptor: c_int, buffer: *mut c_void, length: size_t) -> ssize_t {
    pass(
        by_handle(Kind::Read, "read", key(descriptor)),
        |limit| size(system!(SYS_read, descriptor, buffer, length.min(limit))),
        no_note,
    )
    .0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(descriptor: c_int, buffer: *const c_void, length: size_t) -> ssize_t {
    pass(
        |session| {
            let mut call = by_handle(Kind::Write, "write", key(descriptor))(session)?;
            // SAFETY: the caller vouches for so many bytes.
            let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), length) };
            call.bytes = bytes.to_vec();
            Some(call)
        },
        |limit| size(system!(SYS_write, descriptor, buffer, length.min(limit))),
        |_, call, result| {
            if let Ok(written) = usize::try_from(result.0) {
                call.bytes.truncate(written);
            }
        },
    )
    .0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    pass(
        by_handle(Kind::Sync, "fsync", key(descriptor)),
        |_| small(system!(SYS_fsync, descriptor)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    pass(
        by_handle(Kind::Sync, "fdatasync", key(descriptor)),
        |_| small(system!(SYS_fdatasync, descriptor)),
        no_note,
    )
}

fn truncate_handle(function: &'static str, descriptor: c_int, length: off64_t) -> c_int {
    pass(
        |session| {
            let mut call = by_handle(Kind::Truncate, function, key(descriptor))(session)?;
            call.length = u64::try_from(length).unwrap_or_default();
            Some(call)
        },
        |_| small(system!(SYS_ftruncate, descriptor, length)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(descriptor: c_int, length: off64_t) -> c_int {
    truncate_handle("ftruncate", descriptor, length)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(descriptor: c_int, length: off64_t) -> c_int {
    truncate_handle("ftruncate64", descriptor, length)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn flock(descriptor: c_int, operation: c_int) -> c_int {
    pass(
        by_handle(Kind::Lock, "flock", key(descriptor)),
        |_| small(system!(SYS_flock, descriptor, operation)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn statx(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    found: *mut libc::statx,
) -> c_int {
    pass(
        |session| {
            // SAFETY: the caller vouches for it, and `path_of` copes with null.
            let is_handle = !path.is_null() && unsafe { *path } == 0;
            if is_handle {
                by_handle(Kind::Look, "statx", key(folder))(session)
            } else {
                // SAFETY: as above.
                let path = unsafe { path_at(session, folder, path) }?;
                Some(Call::new(Kind::Look, "statx", path))
            }
        },
        |_| small(system!(SYS_statx, folder, path, flags, mask, found)),
        no_note,
    )
}

/// The older ones, which std falls back on where there is no `statx`.
macro_rules! look {
    ($($name:ident, $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, found: *mut c_void) -> c_int {
            type Own = unsafe extern "C" fn(*const c_char, *mut c_void) -> c_int;
            pass(
                // SAFETY: the caller vouches for the path.
                |_| Some(Call::new(Kind::Look, stringify!($name), unsafe { path_of(path) }?)),
                |_| {
                    let own = own!($text as Own);
                    // SAFETY: what the caller gave is handed on to what it meant to call.
                    unsafe { own(path, found) }
                },
                no_note,
            )
        }
    )*};
}
look! {
    stat, c"stat";
    stat64, c"stat64";
    lstat, c"lstat";
    lstat64, c"lstat64";
}

macro_rules! look_at_handle {
    ($($name:ident, $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(descriptor: c_int, found: *mut c_void) -> c_int {
            type Own = unsafe extern "C" fn(c_int, *mut c_void) -> c_int;
            pass(
                by_handle(Kind::Look, stringify!($name), key(descriptor)),
                |_| {
                    let own = own!($text as Own);
                    // SAFETY: what the caller gave is handed on to what it meant to call.
                    unsafe { own(descriptor, found) }
                },
                no_note,
            )
        }
    )*};
}
look_at_handle! {
    fstat, c"fstat";
    fstat64, c"fstat64";
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realpath(path: *const c_char, resolved: *mut c_char) -> *mut c_char {
    type Own = unsafe extern "C" fn(*const c_char, *mut c_char) -> *mut c_char;
    pass(
        // SAFETY: the caller vouches for the path.
        |_| {
            Some(Call::new(Kind::Resolve, "realpath", unsafe {
                path_of(path)
            }?))
        },
        |_| {
            let own = own!(c"realpath" as Own);
            // SAFETY: what the caller gave is handed on to what it meant to call.
            unsafe { own(path, resolved) }
        },
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opendir(path: *const c_char) -> *mut DIR {
    type Own = unsafe extern "C" fn(*const c_char) -> *mut DIR;
    pass(
        // SAFETY: the caller vouches for the path.
        |_| {
            Some(Call::new(Kind::OpenFolder, "opendir", unsafe {
                path_of(path)
            }?))
        },
        |_| {
            let own = own!(c"opendir" as Own);
            // SAFETY: what the caller gave is handed on to what it meant to call.
            unsafe { own(path) }
        },
        |session, call, result| {
            if !result.has_failed() {
                opened(session, call, result.addr());
            }
        },
    )
}

/// It changes nothing and opens nothing, so it does not count.
#[unsafe(no_mangle)]
unsafe extern "C" fn fdopendir(descriptor: c_int) -> *mut DIR {
    type Own = unsafe extern "C" fn(c_int) -> *mut DIR;
    let own = own!(c"fdopendir" as Own);
    // SAFETY: what the caller gave is handed on to what it meant to call.
    let folder = unsafe { own(descriptor) };
    let after = errno();
    if IS_COUNTED.replace(false) {
        if let Some(session) = &mut *session()
            && let Some(handle) = session.handles.remove(&key(descriptor))
        {
            session.handles.insert(folder.addr(), handle);
        }
        IS_COUNTED.set(true);
    }
    set_errno(after);
    folder
}

#[unsafe(no_mangle)]
unsafe extern "C" fn readdir64(folder: *mut DIR) -> *mut dirent64 {
    type Own = unsafe extern "C" fn(*mut DIR) -> *mut dirent64;
    pass(
        by_handle(Kind::ReadFolder, "readdir64", folder.addr()),
        |_| {
            let own = own!(c"readdir64" as Own);
            // SAFETY: what the caller gave is handed on to what it meant to call.
            unsafe { own(folder) }
        },
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn closedir(folder: *mut DIR) -> c_int {
    type Own = unsafe extern "C" fn(*mut DIR) -> c_int;
    pass(
        by_handle(Kind::CloseFolder, "closedir", folder.addr()),
        |_| {
            let own = own!(c"closedir" as Own);
            // SAFETY: what the caller gave is handed on to what it meant to call.
            unsafe { own(folder) }
        },
        |session, _, _| drop(session.handles.remove(&folder.addr())),
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    pass(
        // SAFETY: the caller vouches for the path.
        |_| {
            Some(Call::new(Kind::MakeFolder, "mkdir", unsafe {
                path_of(path)
            }?))
        },
        |_| small(system!(SYS_mkdirat, AT_FDCWD, path, c_uint::from(mode))),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdirat(folder: c_int, path: *const c_char, mode: mode_t) -> c_int {
    pass(
        |session| {
            // SAFETY: the caller vouches for the path.
            let path = unsafe { path_at(session, folder, path) }?;
            Some(Call::new(Kind::MakeFolder, "mkdirat", path))
        },
        |_| small(system!(SYS_mkdirat, folder, path, c_uint::from(mode))),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    let kind = if flags & libc::AT_REMOVEDIR == 0 {
        Kind::Remove
    } else {
        Kind::RemoveFolder
    };
    pass(
        |session| {
            // SAFETY: the caller vouches for the path.
            let path = unsafe { path_at(session, folder, path) }?;
            Some(Call::new(kind, "unlinkat", path))
        },
        |_| small(system!(SYS_unlinkat, folder, path, flags)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    pass(
        // SAFETY: the caller vouches for the path.
        |_| {
            Some(Call::new(Kind::RemoveFolder, "rmdir", unsafe {
                path_of(path)
            }?))
        },
        |_| small(system!(SYS_unlinkat, AT_FDCWD, path, libc::AT_REMOVEDIR)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    pass(
        // SAFETY: the caller vouches for the path.
        |_| Some(Call::new(Kind::Remove, "unlink", unsafe { path_of(path) }?)),
        |_| small(system!(SYS_unlinkat, AT_FDCWD, path, 0)),
        no_note,
    )
}

/// # Safety
///
/// Both paths are C strings that live for as long as this runs.
unsafe fn from_to(
    session: &Session,
    kind: Kind,
    function: &'static str,
    from: (c_int, *const c_char),
    to: (c_int, *const c_char),
) -> Option<Call> {
    // SAFETY: the caller vouches for both.
    let (from, to) = unsafe {
        (
            path_at(session, from.0, from.1)?,
            path_at(session, to.0, to.1)?,
        )
    };
    Some(Call {
        to,
        ..Call::new(kind, function, from)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    pass(
        // SAFETY: the caller vouches for the paths.
        |session| unsafe {
            from_to(
                session,
                Kind::Rename,
                "rename",
                (AT_FDCWD, from),
                (AT_FDCWD, to),
            )
        },
        |_| small(system!(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
) -> c_int {
    pass(
        // SAFETY: the caller vouches for the paths.
        |session| unsafe {
            from_to(
                session,
                Kind::Rename,
                "renameat",
                (from_folder, from),
                (to_folder, to),
            )
        },
        |_| small(system!(SYS_renameat2, from_folder, from, to_folder, to, 0)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat2(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let kind = match flags {
        0 => Kind::Rename,
        libc::RENAME_NOREPLACE => Kind::RenameToNew,
        _ => Kind::Unknown,
    };
    pass(
        // SAFETY: the caller vouches for the paths.
        |session| unsafe {
            from_to(
                session,
                kind,
                "renameat2",
                (from_folder, from),
                (to_folder, to),
            )
        },
        |_| {
            small(system!(
                SYS_renameat2,
                from_folder,
                from,
                to_folder,
                to,
                flags
            ))
        },
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    pass(
        // SAFETY: the caller vouches for the paths.
        |session| unsafe {
            from_to(
                session,
                Kind::Link,
                "link",
                (AT_FDCWD, from),
                (AT_FDCWD, to),
            )
        },
        |_| small(system!(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0)),
        no_note,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    pass(
        // SAFETY: the caller vouches for the paths.
        |session| unsafe {
            from_to(
                session,
                Kind::Link,
                "linkat",
                (from_folder, from),
                (to_folder, to),
            )
        },
        |_| small(system!(SYS_linkat, from_folder, from, to_folder, to, flags)),
        no_note,
    )
}

/// Calls that the code under test is not known to make. The tests have no faults for them, and
/// fail if one is made. By handle, and by path.
macro_rules! unknown_by_handle {
    ($($name:ident($($argument:ident: $kind:ty),*) = $number:ident;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(descriptor: c_int $(, $argument: $kind)*) -> ssize_t {
            pass(
                by_handle(Kind::Unknown, stringify!($name), key(descriptor)),
                |_| size(system!($number, descriptor $(, $argument)*)),
                no_note,
            )
            .0
        }
    )*};
}
unknown_by_handle! {
    pwrite64(buffer: *const c_void, length: size_t, offset: off64_t) = SYS_pwrite64;
    writev(buffers: *const iovec, count: c_int) = SYS_writev;
    pwritev64(buffers: *const iovec, count: c_int, offset: off64_t) = SYS_pwritev;
    sendfile64(from: c_int, offset: *mut off64_t, length: size_t) = SYS_sendfile;
    copy_file_range(
        from_offset: *mut off64_t, to: c_int, to_offset: *mut off64_t, length: size_t, flags: c_uint
    ) = SYS_copy_file_range;
}

macro_rules! unknown_small_by_handle {
    ($($name:ident($($argument:ident: $kind:ty),*) = $number:ident;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(descriptor: c_int $(, $argument: $kind)*) -> c_int {
            pass(
                by_handle(Kind::Unknown, stringify!($name), key(descriptor)),
                |_| small(system!($number, descriptor $(, $argument)*)),
                no_note,
            )
        }
    )*};
}
unknown_small_by_handle! {
    fallocate64(mode: c_int, offset: off64_t, length: off64_t) = SYS_fallocate;
    sync_file_range(offset: off64_t, length: off64_t, flags: c_uint) = SYS_sync_file_range;
    syncfs() = SYS_syncfs;
    fchmod(mode: mode_t) = SYS_fchmod;
    fchown(owner: c_uint, group: c_uint) = SYS_fchown;
}

macro_rules! unknown_by_path {
    ($($name:ident($($argument:ident: $kind:ty),*), $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char $(, $argument: $kind)*) -> c_int {
            type Own = unsafe extern "C" fn(*const c_char $(, $kind)*) -> c_int;
            pass(
                // SAFETY: the caller vouches for the path.
                |_| Some(Call::new(Kind::Unknown, stringify!($name), unsafe { path_of(path) }?)),
                |_| {
                    let own = own!($text as Own);
                    // SAFETY: what the caller gave is handed on to what it meant to call.
                    unsafe { own(path $(, $argument)*) }
                },
                no_note,
            )
        }
    )*};
}
unknown_by_path! {
    remove(), c"remove";
    symlink(to: *const c_char), c"symlink";
    truncate64(length: off64_t), c"truncate64";
    chmod(mode: mode_t), c"chmod";
    chown(owner: c_uint, group: c_uint), c"chown";
    lchown(owner: c_uint, group: c_uint), c"lchown";
    mkfifo(mode: mode_t), c"mkfifo";
}

macro_rules! unknown_at {
    ($($name:ident($($argument:ident: $kind:ty),*), $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(folder: c_int, path: *const c_char $(, $argument: $kind)*) -> c_int {
            type Own = unsafe extern "C" fn(c_int, *const c_char $(, $kind)*) -> c_int;
            pass(
                // SAFETY: the caller vouches for the path.
                |_| Some(Call::new(Kind::Unknown, stringify!($name), unsafe { path_of(path) }?)),
                |_| {
                    let own = own!($text as Own);
                    // SAFETY: what the caller gave is handed on to what it meant to call.
                    unsafe { own(folder, path $(, $argument)*) }
                },
                no_note,
            )
        }
    )*};
}
unknown_at! {
    fchmodat(mode: mode_t, flags: c_int), c"fchmodat";
    fchownat(owner: c_uint, group: c_uint, flags: c_int), c"fchownat";
    utimensat(times: *const libc::timespec, flags: c_int), c"utimensat";
}
