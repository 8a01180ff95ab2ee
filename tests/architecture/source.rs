//! The files of `src/` as modules: which modules each names, which types it defines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::rust_files;
use super::tokens::{Token, tokens, without_tests};

/// A module by the names from the crate's root to it; a path to something in it has more.
pub type Names = Vec<String>;

/// One file.
pub struct Source {
    pub file: PathBuf,
    pub module: Names,
    pub tokens: Vec<Token>,
    /// The paths that `use` brings in, by the name that they have here.
    pub imports: BTreeMap<String, Names>,
    /// The names of `imports` that others may use too.
    reexports: BTreeSet<String>,
}

/// All files of the crate.
pub struct Crate {
    pub sources: BTreeMap<Names, Source>,
}

impl Crate {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let sources = rust_files(&root)
            .into_iter()
            .filter(|file| !is_test(file))
            .map(|file| Source::read(&root, file));
        Self {
            sources: sources.map(|source| (source.module.clone(), source)).collect(),
        }
    }

    /// The modules that a file names, each where it is defined: a re-export is followed.
    pub fn named_by(&self, source: &Source) -> BTreeSet<Names> {
        let imports = source.imports.values().cloned();
        imports
            .chain(source.paths())
            .filter_map(|path| self.resolve(&source.module, &path))
            .filter(|module| *module != source.module)
            .collect()
    }

    /// The module that defines what a path means; none if it is no path of this crate.
    fn resolve(&self, module: &[String], path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let (mut at, mut rest) = match first.as_str() {
            "crate" => (Names::new(), rest),
            "self" => (module.to_vec(), rest),
            "super" => (module.split_last()?.1.to_vec(), rest),
            own if self.sources.contains_key(&child(module, own)) => (module.to_vec(), path),
            // The program's name for the library.
            "doorward" => (Names::new(), rest),
            own => {
                let import = self.sources.get(module)?.imports.get(own)?;
                let through = [import.as_slice(), rest].concat();
                return (import.first()? != own)
                    .then(|| self.resolve(module, &through))
                    .flatten();
            }
        };
        while let Some((next, after)) = rest.split_first() {
            if next == "super" {
                at.pop();
            } else if self.sources.contains_key(&child(&at, next)) {
                at.push(next.clone());
            } else {
                break;
            }
            rest = after;
        }
        let reexported = rest.first().filter(|name| {
            self.sources
                .get(&at)
                .is_some_and(|source| source.reexports.contains(*name))
        });
        match reexported {
            Some(name) => {
                let path = &self.sources[&at].imports[name];
                // What another crate exports counts as ours.
                Some(self.resolve(&at, path).unwrap_or(at))
            }
            None => Some(at),
        }
    }
}

/// Files that are compiled for tests only, by their names.
fn is_test(file: &Path) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem == "tests"
        || stem.ends_with("_tests")
        || stem.ends_with("_fuzz")
        || file.components().any(|part| part.as_os_str() == "tests")
}

fn child(module: &[String], name: &str) -> Names {
    let mut path = module.to_vec();
    path.push(name.to_owned());
    path
}

impl Source {
    fn read(root: &Path, file: PathBuf) -> Self {
        let text = std::fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root).unwrap().with_extension("");
        let mut module: Names = relative
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        if module.last().is_some_and(|name| name == "mod" || name == "lib") {
            module.pop();
        }
        let tokens = without_tests(&tokens(&text));
        let mut source = Self {
            file: file.strip_prefix(root).unwrap().to_owned(),
            module,
            imports: BTreeMap::new(),
            reexports: BTreeSet::new(),
            tokens,
        };
        source.take_imports();
        source
    }

    /// The layer that the file is of.
    pub fn layer(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    /// The types that it defines for itself or others, not those within a function.
    pub fn types(&self) -> Vec<String> {
        let mut depth = 0;
        let mut types = Vec::new();
        for pair in self.tokens.windows(2) {
            match &pair[0] {
                Token::Sign('{' | '(' | '[') => depth += 1,
                Token::Sign('}' | ')' | ']') => depth -= 1,
                Token::Name(word)
                    if depth == 0
                        && ["struct", "enum", "union", "trait", "type"].contains(&word.as_str()) =>
                {
                    types.extend(pair[1].name().map(str::to_owned));
                }
                _ => {}
            }
        }
        types
    }

    /// Every path of two names and more that is written outside of a `use`.
    fn paths(&self) -> Vec<Names> {
        let mut paths = Vec::new();
        let mut path = Names::new();
        let mut after_path = false;
        for token in &self.tokens {
            match token {
                Token::Name(name) if after_path => path.push(name.clone()),
                Token::Name(name) => {
                    paths.push(std::mem::replace(&mut path, vec![name.clone()]));
                }
                Token::Path | Token::Sign(_) => {}
            }
            after_path = *token == Token::Path && !path.is_empty();
            if let Token::Sign(_) = token {
                paths.push(std::mem::take(&mut path));
            }
        }
        paths.retain(|path| path.len() > 1);
        paths
    }

    fn take_imports(&mut self) {
        let tokens = std::mem::take(&mut self.tokens);
        let mut rest = tokens.as_slice();
        let mut kept = Vec::new();
        while let Some((token, after)) = rest.split_first() {
            if !token.is("use") || after.first().is_some_and(|next| *next == Token::Sign('<')) {
                kept.push(token.clone());
                rest = after;
                continue;
            }
            let is_public = matches!(kept.last(), Some(Token::Sign(')')))
                || kept.last().is_some_and(|last| last.is("pub"));
            let end = after.iter().position(|token| *token == Token::Sign(';')).unwrap();
            for (name, path) in flat(&after[..end], &Names::new()) {
                if is_public {
                    self.reexports.insert(name.clone());
                }
                self.imports.insert(name, path);
            }
            rest = &after[end + 1..];
        }
        self.tokens = kept;
    }
}

/// The paths of a tree of imports, each with its name.
fn flat(tree: &[Token], before: &Names) -> Vec<(String, Names)> {
    let mut path = before.clone();
    let mut name = None;
    let mut at = 0;
    while let Some(token) = tree.get(at) {
        match token {
            Token::Name(word) if word == "as" => {
                name = tree[at + 1].name().map(str::to_owned);
                break;
            }
            Token::Name(word) if word == "self" && !path.is_empty() => {}
            Token::Name(word) => path.push(word.clone()),
            Token::Sign('{') => {
                let branches = branches(&tree[at + 1..tree.len() - 1]);
                return branches.iter().flat_map(|branch| flat(branch, &path)).collect();
            }
            Token::Path | Token::Sign(_) => {}
        }
        at += 1;
    }
    let name = name.or_else(|| path.last().cloned());
    name.map(|name| (name, path)).into_iter().collect()
}

/// What stands between the commas of the outermost level.
fn branches(tree: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0;
    let mut parts = tree.split(|token| {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            _ => {}
        }
        depth == 0 && *token == Token::Sign(',')
    });
    let parts: Vec<_> = parts.by_ref().filter(|part| !part.is_empty()).collect();
    parts
}
