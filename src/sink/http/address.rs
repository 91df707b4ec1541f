//! Where objects go: the URL that the names of objects are put behind.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ureq::http::Uri;

use crate::error::SinkError;
use crate::sink::hint::Below;

/// The URL of the sink, taken apart.
#[derive(Clone)]
pub(in crate::sink) struct Address {
    pub(in crate::sink) scheme: Scheme,
    /// The host and the port as the URL has them, for `Host`.
    pub(in crate::sink) authority: String,
    /// Without the brackets of an IPv6 address.
    pub(in crate::sink) host: String,
    pub(in crate::sink) port: u16,
    /// The path, and the query of a [`Naming::Query`], that come before a name.
    before: String,
    /// The query that comes behind a name.
    behind: String,
    naming: Naming,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Scheme {
    Http,
    Https,
}

/// How a name becomes part of the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// As the end of the path, percent-encoded.
    Path,
    /// As the end of the query, as it is.
    Query,
}

impl Address {
    /// The message never has the URL, which may hold a secret.
    pub(in crate::sink) fn parse(url: &str) -> Result<Self, SinkError> {
        let refuse = |reason: &str| {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, reason);
            SinkError::permanent(cause).with_operation("use the URL of the origin")
        };
        // `Uri` drops a fragment without a word.
        if url.contains('#') {
            return Err(refuse("it has a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL"))?;
        let (scheme, default_port) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("https") if cfg!(feature = "tls") => (Scheme::Https, 443),
            Some("https") => return Err(refuse("https needs the feature `tls`")),
            _ => return Err(refuse("it begins neither with http:// nor with https://")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("it has no host"))?;
        if authority.as_str().contains('@') {
            let reason = "it has a user name in it; use `HttpOptions::basic` instead";
            return Err(refuse(reason));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(refuse("it has no host"));
        }
        let (mut before, query) = (uri.path().to_owned(), uri.query());
        let (behind, naming) = match query {
            Some(query) if query.ends_with('=') => {
                before = format!("{before}?{query}");
                (String::new(), Naming::Query)
            }
            query => {
                if !before.ends_with('/') {
                    before.push('/');
                }
                let behind = query.map_or_else(String::new, |query| format!("?{query}"));
                (behind, Naming::Path)
            }
        };
        Ok(Self {
            scheme,
            authority: authority.as_str().to_owned(),
            host,
            port: authority.port_u16().unwrap_or(default_port),
            before,
            behind,
            naming,
        })
    }

    /// The scheme, host and port: the part of the URL that is no secret.
    pub(in crate::sink) fn origin(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        format!("{scheme}://{}", self.authority)
    }

    /// The request target of a name.
    pub(in crate::sink) fn target(&self, name: &str) -> io::Result<String> {
        let name = match self.naming {
            Naming::Path => encoded(name),
            Naming::Query => {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_/-.".contains(&byte);
                if !name.bytes().all(is_plain) {
                    return refuse(
                        "the origin takes names as they are, of letters, digits and \"_/-.\"",
                    );
                }
                name.to_owned()
            }
        };
        Ok(format!("{}{name}{}", self.before, self.behind))
    }

    /// The target of a redirect, without what may be secret: user, query and fragment, and the path
    /// of the origin's own URL.
    pub(in crate::sink) fn redirect(&self, location: &str) -> String {
        let public = location.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = public
            .split_once("://")
            .map_or(("", public), |(scheme, rest)| (scheme, rest));
        let (authority, path) = if scheme.is_empty() && !public.starts_with("//") {
            ("", rest)
        } else {
            let rest = rest.trim_start_matches("//");
            rest.split_at(rest.find('/').unwrap_or(rest.len()))
        };
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let own = self.before.split('?').next().unwrap_or_default();
        let path = match path.find(own) {
            Some(at) if own.len() > 1 => {
                format!("{}/…/{}", &path[..at], &path[at + own.len()..])
            }
            _ => path.to_owned(),
        };
        let separator = if scheme.is_empty() { "" } else { "://" };
        let target = format!("{scheme}{separator}{authority}{path}");
        target.chars().take(200).collect()
    }
}

/// The name of an object by its path hint, with `/` between its parts.
pub(in crate::sink) fn name(hint: &Path) -> io::Result<String> {
    let below = Below::of(hint, "the URL of the origin")?;
    let names: Option<Vec<&str>> = below.names().iter().map(|name| name.to_str()).collect();
    match names {
        Some(names) => Ok(names.join("/")),
        None => refuse("it is not UTF-8"),
    }
}

fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn refuse<T>(reason: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, name: &str) -> String {
        Address::parse(url).unwrap().target(name).unwrap()
    }

    #[test]
    fn a_name_is_joined_to_a_path_or_appended_to_a_query() {
        for (url, expected) in [
            ("http://o", "/a/1.ts"),
            ("http://o/live", "/live/a/1.ts"),
            ("http://o:81/live/", "/live/a/1.ts"),
            ("http://o/live?sig=1%2F", "/live/a/1.ts?sig=1%2F"),
            ("http://o/up?cid=7&file=", "/up?cid=7&file=a/1.ts"),
        ] {
            assert_eq!(target(url, "a/1.ts"), expected, "{url}");
        }
    }

    #[test]
    fn a_name_in_a_path_is_encoded_and_in_a_query_must_be_plain() {
        let name = "a b%2e?#\n+é.ts";
        assert_eq!(target("http://o", name), "/a%20b%252e%3F%23%0A%2B%C3%A9.ts");
        let query = Address::parse("http://o/?file=").unwrap();
        for name in ["a b", "a&b=", "a%2e", "é", "a\r\nb"] {
            assert!(query.target(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_parts_of_a_url_are_told_apart() {
        let address = Address::parse("http://[::1]:8080/x").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 8080));
        assert_eq!(address.origin(), "http://[::1]:8080");
        assert_eq!(Address::parse("http://o").unwrap().port, 80);
    }

    #[test]
    fn a_refused_url_is_not_in_the_message() {
        for url in [
            "ftp://SECRET/",
            "SECRET",
            "/SECRET",
            "http://me:SECRET@o/",
            "http://o/#SECRET",
            "http://o/SECRET SECRET",
            "",
        ] {
            let Err(error) = Address::parse(url) else {
                panic!("{url} was accepted");
            };
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn a_hint_names_an_object_below_the_url() {
        assert_eq!(name(Path::new("./a/./b.ts")).unwrap(), "a/b.ts");
        for hint in ["", ".", "a/", "a/.", "..", "a/../../b", "/a"] {
            assert!(name(Path::new(hint)).is_err(), "{hint:?}");
        }
    }

    #[test]
    fn the_target_of_a_redirect_is_named_without_secrets() {
        let address = Address::parse("http://o/KEY/live?sig=SECRET").unwrap();
        for (location, expected) in [
            (
                "https://u:p@other/KEY/live/1.ts?sig=SECRET#x",
                "https://other/…/1.ts",
            ),
            ("/KEY/live/1.ts?x", "/…/1.ts"),
            ("//other/x", "other/x"),
            ("https://other", "https://other"),
        ] {
            assert_eq!(address.redirect(location), expected, "{location}");
        }
    }
}
