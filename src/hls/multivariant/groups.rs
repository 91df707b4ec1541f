//! The rules for groups of renditions (draft-pantos-hls-rfc8216bis §4.4.6.1.1).

use std::io;

use super::formats::elements;
use super::media::{Kind, Media, Selection};
use super::variant::Variant;
use super::{quoted, refuse};

/// Every group that a variant names exists.
pub(super) fn check_references(variants: &[Variant], media: &[Media]) -> io::Result<()> {
    for variant in variants {
        for (kind, group) in groups_of(variant) {
            if !media.iter().any(|it| it.kind == kind && it.group == group) {
                return refuse(format!(
                    "the variant {} names the {} {group:?}, which does not exist",
                    quoted(&variant.playlist),
                    kind.group()
                ));
            }
        }
    }
    Ok(())
}

/// The groups that a variant names, with their types.
pub(super) fn groups_of(variant: &Variant) -> impl Iterator<Item = (Kind, &str)> {
    let named = [
        (Kind::Audio, &variant.audio),
        (Kind::Subtitles, &variant.subtitles),
        (Kind::ClosedCaptions, &variant.closed_captions),
    ];
    named
        .into_iter()
        .filter_map(|(kind, group)| Some((kind, group.as_deref()?)))
}

/// The rules for one group: its members have different names, and one default at most.
pub(super) fn check_members(media: &[Media]) -> io::Result<()> {
    for (at, member) in media.iter().enumerate() {
        let others = media[..at].iter();
        for other in others.filter(|it| it.kind == member.kind && it.group == member.group) {
            let (kind, group, name) = (member.kind.group(), &member.group, &member.name);
            if *name == other.name {
                return refuse(format!(
                    "two renditions of the {kind} {group:?} have the same name, {name:?}"
                ));
            }
            let is_default = |it: &Media| it.selection == Selection::Default;
            if is_default(member) && is_default(other) {
                return refuse(format!(
                    "the renditions {:?} and {name:?} of the {kind} {group:?} are both its default",
                    other.name
                ));
            }
        }
    }
    Ok(())
}

/// The rules for several groups of a type: they have the same members, which share most attributes.
pub(super) fn check_groups(media: &[Media]) -> io::Result<()> {
    for kind in [Kind::Audio, Kind::Subtitles, Kind::ClosedCaptions] {
        let of_kind: Vec<_> = media.iter().filter(|it| it.kind == kind).collect();
        if let Some(first) = of_kind.first() {
            check_groups_of(&of_kind, &first.group)?;
        }
    }
    Ok(())
}

fn check_groups_of(media: &[&Media], first: &str) -> io::Result<()> {
    let named = |group: &str, name: &str| {
        let mut all = media.iter();
        all.find(|it| it.group == group && it.name == name)
    };
    for member in media.iter().filter(|it| it.group != first) {
        let (kind, group, name) = (member.kind.group(), &member.group, &member.name);
        let Some(other) = named(first, name) else {
            return lacks(kind, first, name, group);
        };
        let (its, others) = (member.shared_attributes(), other.shared_attributes());
        if let Some(((attribute, its), (_, others))) =
            its.iter().zip(&others).find(|(its, others)| its != others)
        {
            return refuse(format!(
                "the rendition {name:?} has {attribute} {its} in the {kind} {group:?}, and {others} \
                 in {first:?}; renditions of one name may differ in playlist, channels, codecs, \
                 channel of captions and stable id only"
            ));
        }
        let mut of_first = media.iter().filter(|it| it.group == first);
        if let Some(missing) = of_first.find(|it| named(group, &it.name).is_none()) {
            return lacks(kind, group, &missing.name, first);
        }
    }
    Ok(())
}

fn lacks<T>(kind: &str, group: &str, name: &str, other: &str) -> io::Result<T> {
    refuse(format!(
        "the {kind} {group:?} lacks the rendition {name:?}, which the group {other:?} has"
    ))
}

/// A variant names every format that a rendition of its groups has.
pub(super) fn check_codecs(variants: &[Variant], media: &[Media]) -> io::Result<()> {
    for variant in variants {
        for (kind, group) in groups_of(variant) {
            let of_group = |it: &&Media| it.kind == kind && it.group == group;
            for member in media.iter().filter(of_group) {
                check_codecs_of(variant, member)?;
            }
        }
    }
    Ok(())
}

fn check_codecs_of(variant: &Variant, member: &Media) -> io::Result<()> {
    let Some(its) = &member.codecs else {
        return Ok(());
    };
    let (kind, group, name) = (member.kind.group(), &member.group, &member.name);
    let shown = quoted(&variant.playlist);
    let Some(codecs) = &variant.codecs else {
        return refuse(format!(
            "the variant {shown} names no CODECS, but the rendition {name:?} of its {kind} \
             {group:?} has {its:?}"
        ));
    };
    for format in elements(its) {
        // The digits of a profile are hexadecimal, in either case.
        if !elements(codecs).any(|it| it.eq_ignore_ascii_case(format)) {
            return refuse(format!(
                "the CODECS of the variant {shown}, {codecs:?}, lack {format:?}, which the \
                 rendition {name:?} of its {kind} {group:?} has"
            ));
        }
    }
    Ok(())
}
