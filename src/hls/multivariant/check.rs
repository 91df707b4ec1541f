//! The rules that a multivariant playlist keeps, by itself and with its media playlists.

use std::io;
use std::path::Path;

use super::media::{Kind, Media};
use super::values::refuse;
use super::{MultivariantPlaylist, Rendition, Shared, formats, groups};
use crate::hls::config::quoted;
use crate::uri;

impl MultivariantPlaylist {
    pub(super) fn check(&self, publishers: &[&dyn Rendition]) -> io::Result<()> {
        self.check_playlists(publishers)?;
        self.check_itself()
    }

    fn check_playlists(&self, publishers: &[&dyn Rendition]) -> io::Result<()> {
        let named = self.variants.iter().map(|variant| &variant.playlist);
        let named = named.chain(self.media.iter().filter_map(|it| it.playlist.as_ref()));
        let mut known: Vec<(&Path, Shared)> = Vec::new();
        uri::plain(&self.path)?;
        for path in named {
            let plain = uri::plain(path)?;
            let shown = quoted(path);
            if uri::may_be_same(&self.path, path) {
                return refuse(format!("it would replace its media playlist {shown}"));
            }
            let is_it = |it: &&&dyn Rendition| uri::plain(it.path()).is_ok_and(|it| it == plain);
            let mut found = publishers.iter().filter(is_it).peekable();
            if found.peek().is_none() {
                return refuse(format!("its media playlist {shown} has no publisher"));
            }
            // At several origins it has several publishers.
            let Some(shared) = found.map(|it| it.shared()).collect::<Option<Vec<_>>>() else {
                return refuse(format!("its media playlist {shown} was not published yet"));
            };
            for (other, _) in &known {
                if uri::may_be_same(other, path) && uri::plain(other)? != plain {
                    return refuse(format!(
                        "its media playlists {shown} and {} are one file on file systems that \
                         ignore case, or dots and spaces at the end of a name",
                        quoted(other)
                    ));
                }
            }
            for shared in shared {
                if let Some((first, of_first)) = known.first()
                    && let Some(how) = shared.differs_from(of_first)
                {
                    return refuse(format!(
                        "the media playlists {shown} and {} differ: {how}",
                        quoted(first)
                    ));
                }
                // "A tag that appears in both MUST have the same value" (bis §4.4.2).
                if self.start.is_some() && shared.start.is_some() && self.start != shared.start {
                    return refuse(format!(
                        "its EXT-X-START differs from that of its media playlist {shown}"
                    ));
                }
                known.push((path, shared));
            }
        }
        Ok(())
    }

    /// The rules that do not depend on the media playlists.
    pub(crate) fn check_itself(&self) -> io::Result<()> {
        if self.variants.is_empty() {
            return refuse("it names no variant".into());
        }
        groups::check_references(&self.variants, &self.media)?;
        groups::check_members(&self.media)?;
        groups::check_groups(&self.media)?;
        groups::check_codecs(&self.variants, &self.media)?;
        for variant in &self.variants {
            formats::check(variant)?;
            variant.check_bandwidths()?;
        }
        self.check_captions()?;
        self.check_scores()
    }

    /// CLOSED-CAPTIONS=NONE holds for all variants or for none (§4.3.4.2).
    fn check_captions(&self) -> io::Result<()> {
        if !self.has_no_closed_captions {
            return Ok(());
        }
        let captions = |it: &&Media| it.kind == Kind::ClosedCaptions;
        self.media.iter().find(captions).map_or(Ok(()), |it| {
            refuse(format!(
                "it declares no closed captions, but has {:?} in the group {:?}",
                it.name, it.group
            ))
        })
    }

    /// "If any Variant Stream contains the SCORE attribute, then all Variant Streams … SHOULD have"
    /// one (bis §4.4.6.2).
    fn check_scores(&self) -> io::Result<()> {
        let with = self.variants.iter().find(|it| it.score.is_some());
        let without = self.variants.iter().find(|it| it.score.is_none());
        match (with, without) {
            (Some(with), Some(without)) => refuse(format!(
                "the variant {} has a SCORE, and {} has none",
                quoted(&with.playlist),
                quoted(&without.playlist)
            )),
            _ => Ok(()),
        }
    }
}
