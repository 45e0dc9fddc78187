//! The pages as text: blocks, links, headings and code spans.

use std::path::{Path, PathBuf};

/// A page of documentation.
pub(crate) struct Page {
    /// From the repository's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// `docs/rest.md:12`.
    pub(crate) place: String,
    /// The first word behind the fence.
    pub(crate) language: String,
    /// The rest of that line.
    pub(crate) mark: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file that is not built, hidden or somebody else's.
pub(crate) fn pages() -> Vec<Page> {
    let read = |path: PathBuf| Page {
        text: std::fs::read_to_string(&path).expect("a readable page"),
        path: relative(&path),
    };
    let mut pages: Vec<Page> = files(&root(), "md").into_iter().map(read).collect();
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    pages
}

/// The text of every Rust file.
pub(crate) fn rust_sources() -> Vec<String> {
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("a readable source");
    files(&root(), "rs").into_iter().map(read).collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").display().to_string()
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let is_built = path == root().join("target") || name == "node_modules";
            if !name.starts_with('.') && !is_built {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

impl Page {
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut inside = false;
        for (number, line) in self.text.lines().enumerate() {
            if let Some(info) = line.trim_start().strip_prefix("```") {
                if !inside {
                    let (language, mark) = info.split_once(' ').unwrap_or((info, ""));
                    blocks.push(Block {
                        place: format!("{}:{}", self.path, number + 1),
                        language: language.trim().to_owned(),
                        mark: mark.trim().to_owned(),
                        text: String::new(),
                    });
                }
                inside = !inside;
            } else if let (true, Some(block)) = (inside, blocks.last_mut()) {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
        blocks
    }

    /// Lines outside of blocks, with their numbers.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut inside = false;
        self.text.lines().enumerate().filter_map(move |(number, line)| {
            if line.trim_start().starts_with("```") {
                inside = !inside;
                return None;
            }
            (!inside).then_some((number + 1, line))
        })
    }

    /// What stands between backticks.
    pub(crate) fn code_spans(&self) -> Vec<(usize, String)> {
        let spans = |(number, line): (usize, &str)| {
            let spans: Vec<_> = line.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            spans.into_iter().map(move |span| (number, span))
        };
        self.prose().flat_map(spans).collect()
    }

    /// Relative links to files or headings that are not there.
    pub(crate) fn broken_links(&self) -> Vec<String> {
        let links = self.prose().flat_map(|(number, line)| {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            targets.map(move |target| (number, target)).collect::<Vec<_>>()
        });
        links
            .filter(|(_, target)| !target.contains("://") && !self.leads_somewhere(target))
            .map(|(number, target)| format!("{}:{number}: {target} leads nowhere", self.path))
            .collect()
    }

    fn leads_somewhere(&self, target: &str) -> bool {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        if file.is_empty() {
            return self.has_heading(heading);
        }
        let folder = root().join(&self.path).parent().expect("a file is in a folder").to_owned();
        let path = folder.join(file);
        if heading.is_empty() {
            return path.exists();
        }
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Page { path: file.to_owned(), text }.has_heading(heading)
    }

    /// Whether a heading has this anchor.
    pub(crate) fn has_heading(&self, anchor: &str) -> bool {
        self.prose().filter(|(_, line)| line.starts_with('#')).any(|(_, line)| slug(line) == anchor)
    }
}

fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
