//! A model of the states of a disk after a power cut. It assumes no journal and no order, and
//! promises what POSIX does.
//!
//! The sync of a file makes its content durable, but not its name. The sync of a directory makes
//! the names in it durable, but not its own. Anything that was not synced may be there, or not, or
//! in part: each name by itself, and each page of each file. A failed sync makes nothing durable,
//! and a later one does not repair that.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Call, Kind};

/// As much as a disk writes at once.
pub const PAGE: usize = 4096;

type Number = usize;
pub type Content = Rc<[u8]>;

/// The folder that everything is below.
const ROOT: Number = 0;

#[derive(Debug, Clone)]
enum Node {
    File(File),
    Folder(BTreeMap<OsString, Name>),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    now: Vec<u8>,
    /// A sync of it has failed.
    is_lost: bool,
}

/// The targets of a name since the last sync that counts, the durable one first.
#[derive(Debug, Clone)]
struct Name {
    states: Vec<Option<Number>>,
    /// How many of the states no sync can make durable any more.
    lost: usize,
}

impl Name {
    fn now(&self) -> Option<Number> {
        *self.states.last().expect("there is always one")
    }
}

/// The disk and what has become of it.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
    /// Where each opening leads to, and how far it has written.
    openings: BTreeMap<u64, (Number, usize)>,
}

/// The state after a power cut: each file by its path below the root, and its content.
pub type Files = BTreeMap<PathBuf, Content>;

/// One thing that is not certain, and how many ways it has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Uncertain {
    Content(Number),
    Name(Number, OsString),
}

impl Disk {
    /// One on which everything below `root` that is there now is durable, the folder itself
    /// included.
    pub fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_path_buf(),
            nodes: vec![Node::Folder(BTreeMap::new())],
            openings: BTreeMap::new(),
        };
        disk.take_in(root, ROOT);
        disk
    }

    fn take_in(&mut self, path: &Path, folder: Number) {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let node = if entry.file_type().unwrap().is_dir() {
                Node::Folder(BTreeMap::new())
            } else {
                let content = std::fs::read(entry.path()).unwrap();
                Node::File(File {
                    durable: content.clone(),
                    now: content,
                    is_lost: false,
                })
            };
            let is_folder = matches!(node, Node::Folder(_));
            let number = self.add(node);
            let name = Name {
                states: vec![Some(number)],
                lost: 0,
            };
            self.folder(folder).insert(entry.file_name(), name);
            if is_folder {
                self.take_in(&entry.path(), number);
            }
        }
    }

    fn add(&mut self, node: Node) -> Number {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn folder(&mut self, number: Number) -> &mut BTreeMap<OsString, Name> {
        match &mut self.nodes[number] {
            Node::Folder(names) => names,
            Node::File(_) => panic!("a file is no folder"),
        }
    }

    fn file(&mut self, number: Number) -> &mut File {
        match &mut self.nodes[number] {
            Node::File(file) => file,
            Node::Folder(_) => panic!("a folder is no file"),
        }
    }

    /// The node at this path now. `None` outside of the root as well.
    fn find(&self, path: &Path) -> Option<Number> {
        let below = path.strip_prefix(&self.root).ok()?;
        let mut number = ROOT;
        for name in below {
            let Node::Folder(names) = &self.nodes[number] else {
                return None;
            };
            number = names.get(name)?.now()?;
        }
        Some(number)
    }

    fn set(&mut self, path: &Path, to: Option<Number>) {
        let parent = path.parent().and_then(|parent| self.find(parent));
        let parent = parent.unwrap_or_else(|| panic!("{} was changed", path.display()));
        let name = path.file_name().expect("what has a parent has a name");
        let before = Name {
            states: vec![None],
            lost: 0,
        };
        let name = self.folder(parent).entry(name.to_owned()).or_insert(before);
        name.states.push(to);
    }

    /// Goes on by one call of the code under test.
    ///
    /// # Panics
    ///
    /// If it changed something outside of the root.
    pub fn go_on(&mut self, call: &Call) {
        if call.kind == Kind::Sync {
            if call.code() == Some(libc::EINTR) {
                // An interrupted sync has not failed, and is retried.
                return;
            }
            if let Some((number, _)) = self.openings.get(&call.handle).copied() {
                self.sync(number, call.succeeded());
            }
            return;
        }
        if !call.succeeded() {
            return;
        }
        match call.kind {
            Kind::Create => {
                let number = self.add(Node::File(File::default()));
                self.set(&call.path, Some(number));
                self.openings.insert(call.handle, (number, 0));
            }
            Kind::Open => {
                if let Some(number) = self.find(&call.path) {
                    self.openings.insert(call.handle, (number, 0));
                }
            }
            Kind::Write => {
                let (number, at) = self.openings[&call.handle];
                let end = at + call.bytes.len();
                let file = self.file(number);
                let longer = file.now.len().max(end);
                file.now.resize(longer, 0);
                file.now[at..end].copy_from_slice(&call.bytes);
                self.openings.insert(call.handle, (number, end));
            }
            Kind::Truncate => {
                let (number, _) = self.openings[&call.handle];
                let length = usize::try_from(call.length).unwrap();
                self.file(number).now.resize(length, 0);
            }
            Kind::MakeFolder => {
                let number = self.add(Node::Folder(BTreeMap::new()));
                self.set(&call.path, Some(number));
            }
            Kind::Remove | Kind::RemoveFolder => self.set(&call.path, None),
            Kind::Rename | Kind::RenameToNew => {
                let number = self.find(&call.path);
                assert!(number.is_some(), "{call:?} renamed what the model has not");
                self.set(&call.path, None);
                self.set(&call.to, number);
            }
            Kind::Link => {
                let number = self.find(&call.path);
                self.set(&call.to, number);
            }
            Kind::Unknown => panic!("the model does not know {call:?}"),
            _ => {}
        }
    }

    fn sync(&mut self, number: Number, succeeded: bool) {
        match &mut self.nodes[number] {
            Node::File(file) if !succeeded => file.is_lost |= file.durable != file.now,
            Node::File(file) if file.is_lost => {}
            Node::File(file) => file.durable.clone_from(&file.now),
            Node::Folder(names) => {
                for name in names.values_mut() {
                    if !succeeded {
                        name.lost = name.states.len();
                    } else if name.states.len() > name.lost.max(1) {
                        name.states = vec![name.now()];
                        name.lost = 0;
                    }
                }
            }
        }
    }

    /// The possible contents of a file, from the least to all of it: the durable content, and then
    /// as many pages of the later writes as the length of the file may say, each of them present
    /// or zeros.
    fn contents(file: &File) -> Vec<Content> {
        let (now, length) = (&file.now, file.now.len());
        if file.durable == file.now {
            return vec![now.as_slice().into()];
        }
        let mut found = vec![file.durable.clone()];
        let mut find = |content: Vec<u8>| {
            if content != *now && !found.contains(&content) {
                found.push(content);
            }
        };
        find(Vec::new());
        let pages = length.div_ceil(PAGE);
        for end in (1..=pages).map(|pages| length.min(pages * PAGE)) {
            // Of long files not every combination, but each beginning.
            let lost_sets = match end.div_ceil(PAGE) {
                pages @ ..=4 => (0..1_u64 << pages).collect::<Vec<_>>(),
                pages => (0..=pages.min(63)).map(|first| u64::MAX << first).collect(),
            };
            for lost in lost_sets {
                let mut content = now[..end].to_vec();
                for (number, page) in content.chunks_mut(PAGE).enumerate() {
                    if lost >> number.min(63) & 1 == 1 {
                        page.fill(0);
                    }
                }
                find(content);
            }
        }
        found.push(now.clone());
        found.into_iter().map(Content::from).collect()
    }

    /// The uncertain parts, and the number of states of each.
    fn uncertain(&self) -> Vec<(Uncertain, usize)> {
        let mut found = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            match node {
                Node::File(file) if file.durable != file.now => {
                    let ways = Self::contents(file).len();
                    found.push((Uncertain::Content(number), ways));
                }
                Node::File(_) => {}
                Node::Folder(names) => {
                    for (name, states) in names {
                        if states.states.len() > 1 {
                            let uncertain = Uncertain::Name(number, name.clone());
                            found.push((uncertain, states.states.len()));
                        }
                    }
                }
            }
        }
        found
    }

    /// The state while the power is on.
    pub fn now(&self) -> Files {
        let uncertain = self.uncertain().into_iter();
        let all = uncertain.map(|(what, ways)| (what, ways - 1)).collect();
        self.materialize(&all, &self.all_contents())
    }

    fn all_contents(&self) -> BTreeMap<Number, Vec<Content>> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter_map(|(number, node)| match node {
                Node::File(file) => Some((number, Self::contents(file))),
                Node::Folder(_) => None,
            })
            .collect()
    }

    /// The durable content of the file at this path below the root.
    pub fn durable_content(&self, path: &Path) -> Option<&[u8]> {
        match &self.nodes[self.find(&self.root.join(path))?] {
            Node::File(file) => Some(&file.durable),
            Node::Folder(_) => None,
        }
    }

    /// The state in which the least of everything uncertain is present.
    pub fn least(&self) -> Files {
        self.materialize(&BTreeMap::new(), &self.all_contents())
    }

    fn materialize(
        &self,
        choices: &BTreeMap<Uncertain, usize>,
        contents: &BTreeMap<Number, Vec<Content>>,
    ) -> Files {
        let mut files = Files::new();
        let mut folders = vec![(PathBuf::new(), ROOT)];
        while let Some((path, number)) = folders.pop() {
            let Node::Folder(names) = &self.nodes[number] else {
                unreachable!("only folders are put there");
            };
            for (name, states) in names {
                let way = choices.get(&Uncertain::Name(number, name.clone()));
                let Some(found) = states.states[way.copied().unwrap_or_default()] else {
                    continue;
                };
                match &self.nodes[found] {
                    Node::Folder(_) => folders.push((path.join(name), found)),
                    Node::File(_) => {
                        let way = choices.get(&Uncertain::Content(found));
                        let content = &contents[&found][way.copied().unwrap_or_default()];
                        files.insert(path.join(name), Content::clone(content));
                    }
                }
            }
        }
        files
    }

    /// Tells `found` of the states that a power cut may leave: of all, where there are no more
    /// than `most`; else of those in which everything, nothing, or all but one thing are there or
    /// not, and of as many others as there is room for, always the same.
    pub fn states(&self, most: usize, mut found: impl FnMut(Files)) {
        let uncertain = self.uncertain();
        let contents = self.all_contents();
        let total = uncertain
            .iter()
            .try_fold(1_usize, |total, (_, ways)| total.checked_mul(*ways));
        let mut tell = |choice: &[usize]| {
            let names = uncertain.iter().map(|(what, _)| what.clone());
            found(self.materialize(&names.zip(choice.iter().copied()).collect(), &contents));
        };
        if let Some(total) = total.filter(|total| *total <= most) {
            for state in 0..total {
                let mut rest = state;
                let choice: Vec<_> = uncertain
                    .iter()
                    .map(|(_, ways)| {
                        let way = rest % ways;
                        rest /= ways;
                        way
                    })
                    .collect();
                tell(&choice);
            }
            return;
        }
        let nothing = vec![0; uncertain.len()];
        let all: Vec<_> = uncertain.iter().map(|(_, ways)| ways - 1).collect();
        tell(&nothing);
        tell(&all);
        let mut others = Vec::new();
        for base in [&nothing, &all] {
            for (place, (_, ways)) in uncertain.iter().enumerate() {
                for way in (0..*ways).filter(|way| *way != base[place]) {
                    let mut choice = base.clone();
                    choice[place] = way;
                    others.push(choice);
                }
            }
        }
        // If there are too many of them, they are taken from all over.
        let step = others.len().div_ceil(most.max(1)).max(1);
        let mut told = 2;
        for choice in others.iter().step_by(step) {
            tell(choice);
            told += 1;
        }
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
        while told < most {
            let choice: Vec<_> = uncertain
                .iter()
                .map(|(_, ways)| chance.below(*ways))
                .collect();
            tell(&choice);
            told += 1;
        }
    }
}

/// Numbers that look like chance and are always the same (xorshift64).
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % end
    }
}
