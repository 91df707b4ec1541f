//! Combinations that a single failure does not reach.

use std::io;

use segment_stream::{Existing, Swept};

use super::*;

/// Where neither that rename nor links are known (FUSE, exFAT), only the look is left to refuse
/// by.
#[test]
fn what_is_there_is_refused_where_only_a_look_can_tell() {
    let _alone = alone();
    let base = in_memory();
    interposed::begin(Box::new(|_, call| match call.kind {
        Kind::RenameToNew => Some(Fault::Code(libc::EINVAL)),
        Kind::Link => Some(Fault::Code(libc::EPERM)),
        _ => None,
    }));
    let mut sink = DiskSink::rooted(base.path()).existing(Existing::Refuse);
    let mut write =
        |number| counted(|| sink.write(&segment(number, "0.ts"), &WriteContext::default()));
    write(0).unwrap();
    assert_eq!(
        write(1).unwrap_err().io_kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(
        fs::read(base.path().join("0.ts")).unwrap(),
        segment(0, "0.ts").data
    );
    interposed::heal();
}

/// The first sync of a folder fails, and the folder cannot be taken back.
fn sync_fails_and_the_folder_stays() -> interposed::Plan {
    let mut is_over = false;
    Box::new(move |_, call| {
        let is_sync = call.kind == Kind::Sync && call.path.extension().is_none() && !is_over;
        is_over |= is_sync;
        (is_sync || call.kind == Kind::RemoveFolder).then_some(Fault::Code(libc::EIO))
    })
}

#[test]
fn a_folder_made_anew_in_the_place_of_a_doubtful_one_is_relied_on() {
    let _alone = alone();
    let base = in_memory();
    let mut sink = DiskSink::rooted(base.path()).durability(Durability::Full);
    interposed::begin(sync_fails_and_the_folder_stays());
    let mut write = || counted(|| sink.write(&segment(0, "a/0.ts"), &WriteContext::default()));
    assert_eq!(write().unwrap_err().operation(), Some("sync the directory"));
    interposed::heal();
    assert_eq!(
        write().unwrap_err().operation(),
        Some("rely on the directory")
    );
    fs::remove_dir(base.path().join("a")).unwrap();
    write().unwrap();
}

#[test]
fn a_clone_does_not_rely_on_a_doubtful_folder_of_another() {
    let _alone = alone();
    let base = in_memory();
    let mut one = DiskSink::rooted(base.path()).durability(Durability::Full);
    let mut other = one.clone();
    interposed::begin(sync_fails_and_the_folder_stays());
    let write = |sink: &mut DiskSink| {
        counted(|| sink.write(&segment(0, "a/0.ts"), &WriteContext::default()))
    };
    assert_eq!(
        write(&mut one).unwrap_err().operation(),
        Some("sync the directory")
    );
    interposed::heal();
    assert_eq!(
        write(&mut other).unwrap_err().operation(),
        Some("rely on the directory")
    );
}

/// As when a disk is unmounted between the look at the root and the write.
#[test]
fn a_root_that_goes_in_the_middle_of_a_write_is_not_made() {
    let _alone = alone();
    for durability in [Durability::None, Durability::Full] {
        for hint in ["0.ts", "a/0.ts", "a/b/0.ts"] {
            let base = in_memory();
            let root = base.path().join("root");
            fs::create_dir(&root).unwrap();
            let sink = DiskSink::rooted(&root).durability(durability);
            let mut sink = sink.root_must_exist();
            let mut there = Some(root.clone());
            interposed::begin(Box::new(move |_, call| {
                if call.kind == Kind::Create
                    && let Some(root) = there.take()
                {
                    fs::remove_dir_all(root).unwrap();
                }
                None
            }));
            let written = counted(|| sink.write(&segment(0, hint), &WriteContext::default()));
            interposed::heal();
            let error = written.unwrap_err();
            assert_eq!(error.io_kind(), io::ErrorKind::NotFound, "{error}");
            assert!(!root.exists(), "{durability:?}: {hint}");
        }
    }
}

/// A sync that fails is told to those that had the folder open, and only then surely to this
/// writer.
#[test]
fn a_folder_is_opened_before_a_folder_in_it_gets_its_name() {
    let _alone = alone();
    let base = in_memory();
    let mut sink = DiskSink::rooted(base.path().join("root")).durability(Durability::Full);
    interposed::begin(Box::new(|_, _| None));
    counted(|| sink.write(&segment(0, "a/b/0.ts"), &WriteContext::default())).unwrap();
    let calls = interposed::recorded();
    let made = (0..)
        .zip(&calls)
        .filter(|(_, call)| call.kind == Kind::MakeFolder);
    let mut count = 0;
    for (position, made) in made {
        let above = made.path.parent().unwrap();
        let mut later = calls[position..].iter();
        let sync = later.find(|call| call.kind == Kind::Sync && call.path == above);
        assert!(sync.unwrap().handle <= made.openings, "{made:?}");
        count += 1;
    }
    assert_eq!(count, 3);
}

/// The first name is removed once more where the first removal failed, in each folder anew.
#[test]
fn by_links_no_second_name_stays() {
    let _alone = alone();
    let base = in_memory();
    let mut sink = DiskSink::rooted(base.path());
    let mut removals = 0;
    interposed::begin(Box::new(move |_, call| {
        let is_there = call.path.to_string_lossy().contains("/links/");
        match call.kind {
            Kind::RenameToNew if is_there => Some(Fault::Code(libc::EINVAL)),
            Kind::Remove if is_there => {
                removals += 1;
                (removals == 1).then_some(Fault::Code(libc::EIO))
            }
            _ => None,
        }
    }));
    for hint in ["a/0.ts", "links/0.ts"] {
        counted(|| sink.write(&segment(0, hint), &WriteContext::default())).unwrap();
        assert!(store::temps(base.path()).is_empty(), "{hint}");
    }
    interposed::heal();
}

/// In a folder that is known, and where nothing is in the way: no call more than these.
#[test]
fn a_segment_takes_so_many_calls() {
    use Kind::{Close, Create, Lock, Look, Open, RenameToNew, Sync, Write};
    let _alone = alone();
    let kinds_of = |durability| {
        let base = in_memory();
        let mut sink = DiskSink::rooted(base.path()).durability(durability);
        let mut write = |number, hint| {
            counted(|| sink.write(&segment(number, hint), &WriteContext::default())).unwrap();
        };
        interposed::begin(Box::new(|_, _| None));
        write(0, "0.ts");
        let known = interposed::position();
        write(1, "1.ts");
        let kinds = interposed::recorded_since(known).into_iter();
        kinds.map(|it| it.kind).collect::<Vec<_>>()
    };
    // The root is opened, the directory beneath it, and the root closed; at the end the directory is.
    let (held, released) = if cfg!(feature = "confined") {
        (&[Open, Open, Close][..], &[Close][..])
    } else {
        (&[][..], &[][..])
    };
    let none = [held, &[Create, Lock, Write, RenameToNew, Close], released].concat();
    assert_eq!(kinds_of(Durability::None), none);
    let file = [
        held,
        &[Create, Lock, Write, Sync, RenameToNew, Close],
        released,
    ];
    assert_eq!(kinds_of(Durability::File), file.concat());
    // The folder is looked at, opened, synced, and opened once more.
    let full = [
        held,
        &[Look],
        released,
        held,
        &[Create, Lock, Write, Sync, Open, RenameToNew, Close],
        &[Sync, Open, Close, Close],
        released,
    ];
    assert_eq!(kinds_of(Durability::Full), full.concat());
}

/// A file that cannot be looked at is not assumed to be gone.
#[test]
fn what_cannot_be_looked_at_is_not_replaced() {
    let _alone = alone();
    let base = in_memory();
    let target = base.path().join("0.ts");
    std::os::unix::fs::symlink("elsewhere", &target).unwrap();
    let mut sink = DiskSink::rooted(base.path());
    interposed::begin(Box::new(|_, call| {
        (call.kind == Kind::Look).then_some(Fault::Code(libc::EIO))
    }));
    let written = counted(|| sink.write(&segment(0, "0.ts"), &WriteContext::default()));
    interposed::heal();
    assert_eq!(written.unwrap_err().raw_os_error(), Some(libc::EIO));
    assert!(fs::symlink_metadata(&target).unwrap().is_symlink());
    assert!(store::temps(base.path()).is_empty());
}

/// A sweep of one temp file, which cannot be opened for writing, as this code says.
fn sweep_of_one(code: i32) -> (Result<Swept, SinkError>, usize) {
    let base = in_memory();
    let temp = base.path().join(".segment-aaaaaaaaaaaa.tmp");
    fs::write(&temp, b"left").unwrap();
    let mut opened = 0;
    interposed::begin(Box::new(move |_, call| {
        let is_open = call.kind == Kind::Open && store::is_temp(&call.path);
        opened += usize::from(is_open);
        (is_open && opened == 1).then_some(Fault::Code(code))
    }));
    let swept = counted(|| DiskSink::sweep(base.path()));
    interposed::heal();
    (swept, store::temps(base.path()).len())
}

#[test]
fn a_temp_file_that_must_not_be_written_is_swept_and_one_that_cannot_be_read_stays() {
    let _alone = alone();
    let (swept, left) = sweep_of_one(libc::EACCES);
    assert_eq!((swept.unwrap().removed.len(), left), (1, 0));
    let (swept, left) = sweep_of_one(libc::EIO);
    let errors = swept.unwrap().errors;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].operation(), Some("open the temp file"));
    assert_eq!(left, 1);
    // Somebody else was first.
    let (swept, _) = sweep_of_one(libc::ENOENT);
    let swept = swept.unwrap();
    assert_eq!((swept.removed.len(), swept.errors.len()), (0, 0));
}

#[test]
fn an_interrupted_lock_is_taken_again() {
    let _alone = alone();
    let base = in_memory();
    let mut sink = DiskSink::rooted(base.path());
    let mut locks = 0;
    interposed::begin(Box::new(move |_, call| {
        locks += usize::from(call.kind == Kind::Lock);
        (call.kind == Kind::Lock && locks <= 3).then_some(Fault::Code(EINTR))
    }));
    counted(|| sink.write(&segment(0, "0.ts"), &WriteContext::default())).unwrap();
    let recorded = interposed::recorded();
    let locks = recorded.iter().filter(|it| it.kind == Kind::Lock);
    let outcomes: Vec<_> = locks.map(|it| it.outcome.is_ok()).collect();
    assert_eq!(outcomes, [false, false, false, true]);
}
