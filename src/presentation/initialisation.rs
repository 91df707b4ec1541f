//! The initialisation segment that is in force, and when its file is retired.

use std::path::Path;
use std::sync::Arc;

use super::entry::{Initialisation, Map};
use super::notice::Notice;
use super::rendition::{Life, Rendition};
use crate::segment::ProducedSegment;

impl Rendition {
    /// Takes no more segments. The initialisation segment in force is not needed for later media;
    /// if no entry needs it, its file is retired.
    pub(crate) fn close(&mut self, life: Life) {
        self.life = life;
        if let Initialisation::Landed { map, .. }
        | Initialisation::Lost {
            before: Some((map, _)),
        } = std::mem::take(&mut self.next.initialisation)
        {
            self.retire(map.file.clone(), 0, map.bytes);
        }
    }

    pub(crate) fn initialisation_landed(
        &mut self,
        segment: &ProducedSegment,
        notices: &mut Vec<Notice>,
    ) {
        let Some(file) = self.name(segment, notices) else {
            return self.initialisation_lost();
        };
        let bytes = segment.byte_len() as u64;
        let known = match &self.next.initialisation {
            Initialisation::Landed { map, content } => Some((map, content)),
            Initialisation::Lost { before } => before.as_ref().map(|(map, content)| (map, content)),
            Initialisation::None => None,
        };
        if let Some((map, content)) = known
            && content.as_ref() == Some(&segment.data)
        {
            let map = Arc::clone(map);
            if map.file != file {
                // Another segment's bytes had this name.
                if self.names(&file) {
                    notices.push(Notice::NameInUse {
                        sequence: segment.sequence,
                    });
                }
                // The same bytes under another name, which no manifest will use.
                self.retire(file, 0, bytes);
            }
            self.next.initialisation = Initialisation::Landed {
                map,
                content: Some(segment.data.clone()),
            };
            return;
        }
        if self.has_initialisation == Some(false) {
            // A manifest that was published without any does not change its nature.
            notices.push(Notice::TooLateForInitialisation);
            self.retire(file, 0, bytes);
            return self.initialisation_lost();
        }
        if self.has_begun {
            self.next.starts_discontinuity = true;
        }
        if self.names(&file) {
            notices.push(Notice::NameInUse {
                sequence: segment.sequence,
            });
        }
        let map = Map { file, bytes };
        let landed = Initialisation::Landed {
            map: Arc::new(map),
            content: Some(segment.data.clone()),
        };
        let before = match std::mem::replace(&mut self.next.initialisation, landed) {
            Initialisation::Landed { map, .. }
            | Initialisation::Lost {
                before: Some((map, _)),
            } => Some(map),
            _ => None,
        };
        if let Some(map) = before {
            // If no media came after it, nothing ever named it.
            self.retire(map.file.clone(), 0, map.bytes);
        }
    }

    /// Media was stored under this name. An initialisation segment that had it is not there any
    /// more, so the same content under another name is another one.
    pub(crate) fn overwritten_by_media(&mut self, name: &Path) {
        if let Initialisation::Landed { map, content }
        | Initialisation::Lost {
            before: Some((map, content)),
        } = &mut self.next.initialisation
            && map.file == name
        {
            *content = None;
        }
    }

    pub(crate) fn initialisation_lost(&mut self) {
        self.next.initialisation = match std::mem::take(&mut self.next.initialisation) {
            Initialisation::Landed { map, content } => {
                // The entries until the next one go on with the map of the last entry. After these
                // any other map is a change, which takes a discontinuity.
                if self.last_map() == Some(&map) {
                    Initialisation::Lost {
                        before: Some((map, content)),
                    }
                } else {
                    // Nothing has needed it, and nothing will.
                    self.retire(map.file.clone(), 0, map.bytes);
                    Initialisation::Lost { before: None }
                }
            }
            lost @ Initialisation::Lost { .. } => lost,
            Initialisation::None => Initialisation::Lost { before: None },
        };
    }
}
