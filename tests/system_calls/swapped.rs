//! Before any call of the sink, somebody who may write below the root exchanges a directory for a
//! link that leads outside, and perhaps back again before a later call.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use super::*;

/// What the sink is asked for while that happens.
#[derive(Debug, Clone, Copy)]
enum Action {
    Write(Durability),
    /// In a directory that the write creates.
    WriteAnew(Durability),
    Remove,
    Read,
    Sweep,
}

const ACTIONS: [Action; 9] = [
    Action::Write(Durability::None),
    Action::Write(Durability::File),
    Action::Write(Durability::Full),
    Action::WriteAnew(Durability::None),
    Action::WriteAnew(Durability::File),
    Action::WriteAnew(Durability::Full),
    Action::Remove,
    Action::Read,
    Action::Sweep,
];

const TEMP: &str = ".segment-aaaaaaaaaaaa.tmp";

/// `root/a` is a directory and `root/b` a link to `outside`, or the other way round. All hints begin
/// with `a`.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let base = in_memory();
        for folder in ["root/a", "outside"] {
            let folder = base.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            for name in ["0.ts", TEMP] {
                fs::write(folder.join(name), folder.as_os_str().as_encoded_bytes()).unwrap();
            }
        }
        std::os::unix::fs::symlink("../outside", base.path().join("root/b")).unwrap();
        Self(base)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The directory, wherever it is now.
    fn inside(&self) -> PathBuf {
        let [a, b] = [self.at("root/a"), self.at("root/b")];
        if a.is_symlink() { b } else { a }
    }

    fn is_outside_touched(&self) -> bool {
        let outside = self.at("outside");
        let content = |name| fs::read(outside.join(name)).ok();
        let untouched = Some(outside.as_os_str().as_encoded_bytes().to_vec());
        fs::read_dir(&outside).unwrap().count() != 2
            || [content("0.ts"), content(TEMP)] != [untouched.clone(), untouched]
    }
}

/// The calls of the sink, and whether it has left the root.
fn act(action: Action, exchanges: &[usize]) -> (usize, bool) {
    let place = Place::new();
    let (root, a, b) = (place.at("root"), place.at("root/a"), place.at("root/b"));
    let exchanges = exchanges.to_vec();
    interposed::begin(Box::new(move |position, _| {
        if exchanges.contains(&position) {
            renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
        }
        None
    }));
    let context = WriteContext::default();
    let write = |durability, hint| {
        let mut sink = DiskSink::rooted(&root).durability(durability);
        let segment = segment(7, hint);
        if counted(|| sink.write(&segment, &context)).is_ok() {
            let inside = place.inside().join(hint.strip_prefix("a/").unwrap());
            // Without handles it may be outside, which is found below.
            if cfg!(feature = "confined") {
                assert_eq!(fs::read(inside).unwrap(), segment.data, "{action:?}");
            }
        }
        false
    };
    let is_misled = match action {
        Action::Write(durability) => write(durability, "a/0.ts"),
        Action::WriteAnew(durability) => write(durability, "a/new/deep/0.ts"),
        Action::Remove => {
            let mut sink = DiskSink::rooted(&root);
            let _ = counted(|| sink.remove(Path::new("a/0.ts"), &context));
            false
        }
        Action::Read => {
            let mut sink = DiskSink::rooted(&root);
            let read = counted(|| sink.read(Path::new("a/0.ts"), &context));
            read.is_ok_and(|content| {
                content.is_some_and(|it| it == place.at("outside").as_os_str().as_encoded_bytes())
            })
        }
        Action::Sweep => {
            let _ = counted(|| DiskSink::sweep(&root));
            false
        }
    };
    interposed::heal();
    if cfg!(feature = "confined") {
        let mut temps = store::temps(&root);
        temps.retain(|path| path.file_name().is_some_and(|name| name != TEMP));
        assert!(temps.is_empty(), "{action:?}: {temps:?}");
    }
    (
        interposed::position(),
        is_misled || place.is_outside_touched(),
    )
}

/// With the feature `confined` no exchange leads anything outside. Without it some do, which shows
/// that these are the right ones.
#[test]
fn a_directory_that_is_exchanged_for_a_link_leads_nowhere() {
    let _alone = alone();
    for action in ACTIONS {
        let handles = store::open_handles();
        let (calls, is_outside) = act(action, &[]);
        assert!(!is_outside, "{action:?}");
        let (mut cases, mut outside) = (0, 0);
        for first in 0..calls {
            for second in first..calls {
                // The same one twice: exchanged, and not back again.
                let exchanges = &[first, second][..if first == second { 1 } else { 2 }];
                let (_, is_outside) = act(action, exchanges);
                cases += 1;
                outside += usize::from(is_outside);
                assert!(
                    !is_outside || !cfg!(feature = "confined"),
                    "{action:?} is led outside by {exchanges:?}"
                );
            }
        }
        eprintln!("{action:?}: {cases} exchanges, {outside} lead outside");
        assert_eq!(outside == 0, cfg!(feature = "confined"), "{action:?}");
        assert_eq!(store::open_handles(), handles, "{action:?}");
    }
}
