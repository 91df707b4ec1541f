//! The common parts of the README and the crate's documentation have one source.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_readme_has_the_common_parts_word_for_word() {
    let readme = read("README.md");
    for part in ["quick_start", "promises", "deadlocks"] {
        let text = read(&format!("src/docs/{part}.md"));
        assert!(
            readme.contains(text.trim_end()),
            "README.md differs from src/docs/{part}.md"
        );
    }
}

#[test]
fn every_file_that_a_page_links_to_is_there() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "src/README.md",
        "tests/README.md",
        "benches/README.md",
    ] {
        let directory = Path::new(page).parent().unwrap();
        let text = read(page);
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(directory)
                .join(link);
            assert!(path.exists(), "{page} links to {link}");
        }
    }
}
