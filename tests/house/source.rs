//! The sources of the crate as a test reads them: each file with the paths that it names, tests left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::Visit;

/// A path of names, `crate` left out: `["policy", "Engine"]`.
pub(crate) type Names = Vec<String>;

/// One file.
pub(crate) struct SourceFile {
    /// Below `src`, without the suffix: `policy/engine/mod`.
    pub(crate) file: String,
    /// The module that it is.
    pub(crate) module: Names,
    /// All identifiers outside of comments and strings.
    pub(crate) identifiers: BTreeSet<String>,
    /// All string literals, joined.
    pub(crate) strings: String,
    /// Paths into this crate, resolved to where the name is defined.
    pub(crate) imports: BTreeSet<Names>,
    /// Paths into other crates, `std` included.
    pub(crate) externals: BTreeSet<String>,
}

/// All files of the crate.
pub(crate) struct House {
    pub(crate) sources: Vec<SourceFile>,
    modules: BTreeMap<Names, usize>,
}

impl House {
    /// Reads `src`.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut parsed = Vec::new();
        for path in files(&root) {
            let text = fs::read_to_string(&path).unwrap();
            let mut tree =
                syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            tree.items.retain(|item| !is_test(item));
            let file = path.strip_prefix(&root).unwrap().with_extension("");
            let names: Names = file.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            let module = match names.last().unwrap().as_str() {
                "mod" => names[..names.len() - 1].to_vec(),
                "lib" if names.len() == 1 => Names::new(),
                _ => names.clone(),
            };
            parsed.push((names.join("/"), module, tree));
        }
        let modules: BTreeMap<Names, usize> =
            parsed.iter().enumerate().map(|(at, (_, module, _))| (module.clone(), at)).collect();
        let exports = exports(&parsed, &modules);
        let sources = parsed
            .into_iter()
            .map(|(file, module, tree)| {
                let mut found = ParsedPaths::default();
                let is_code = |item: &&syn::Item| !matches!(item, syn::Item::Use(_));
                tree.items.iter().filter(is_code).for_each(|item| found.tokens(item.to_token_stream()));
                let mut uses = Uses::default();
                uses.visit_file(&tree);
                let mut externals = BTreeSet::new();
                let mut imports = BTreeSet::new();
                for path in found.paths.iter().chain(&uses.paths) {
                    match absolute(path, &module, &modules) {
                        Some(names) => imports.extend(defined(names, &modules, &exports)),
                        None => drop(externals.insert(path.join("::"))),
                    }
                }
                let ParsedPaths { identifiers, strings, .. } = found;
                SourceFile { file, module, identifiers, strings, imports, externals }
            })
            .collect();
        Self { sources, modules }
    }

    /// The files of the module `names` and below.
    pub(crate) fn below<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a SourceFile> {
        self.sources.iter().filter(move |source| starts_with(&source.module, names))
    }

    /// The file that defines the item at the path `names`.
    pub(crate) fn file_of(&self, names: &Names) -> usize {
        (0..=names.len()).rev().find_map(|len| self.modules.get(&names[..len])).copied().unwrap()
    }
}

/// Whether `module` is `names` or below.
pub(crate) fn starts_with(module: &[String], names: &[&str]) -> bool {
    module.len() >= names.len() && module.iter().zip(names).all(|(one, other)| one == other)
}

/// The sources below `folder`, without tests, which may build a world from anything.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap();
            if name == "tests" || name == "testing" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_test(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(it) => &it.attrs,
        syn::Item::Use(it) => &it.attrs,
        syn::Item::Fn(it) => &it.attrs,
        syn::Item::Impl(it) => &it.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| attribute.to_token_stream().to_string().contains("(test)"))
}

/// Identifiers, strings and `a::b` paths of a token stream; macros are token streams like all else.
#[derive(Default)]
struct ParsedPaths {
    identifiers: BTreeSet<String>,
    strings: String,
    paths: Vec<Names>,
}

impl ParsedPaths {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.close(&mut path);
                    }
                    self.identifiers.insert(name.to_string());
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.close(&mut path);
                    colons = 0;
                    // `pub(in crate::cli)` restricts visibility, and imports nothing.
                    let first = group.stream().into_iter().next().map(|token| token.to_string());
                    if first.is_none_or(|first| first != "in") {
                        self.tokens(group.stream());
                    }
                }
                TokenTree::Literal(literal) => {
                    self.close(&mut path);
                    colons = 0;
                    self.strings += &literal.to_string();
                }
                TokenTree::Punct(_) => {
                    self.close(&mut path);
                    colons = 0;
                }
            }
        }
        self.close(&mut path);
    }

    fn close(&mut self, path: &mut Names) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.paths.push(path);
        }
    }
}

/// The leaves of all `use` trees.
#[derive(Default)]
struct Uses {
    paths: Vec<Names>,
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // A re-export makes a name known elsewhere; the file itself does not need it.
        if !matches!(item.vis, syn::Visibility::Inherited) {
            return;
        }
        leaves(&item.tree, &mut Names::new(), &mut |path, _| self.paths.push(path));
    }
}

/// Calls `leaf` with the path of each leaf and the name under which it is known.
fn leaves(tree: &syn::UseTree, before: &mut Names, leaf: &mut impl FnMut(Names, String)) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, leaf);
            before.pop();
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, leaf)),
        syn::UseTree::Glob(_) => leaf(before.clone(), String::new()),
        syn::UseTree::Name(name) => end(before, &name.ident.to_string(), &name.ident.to_string(), leaf),
        syn::UseTree::Rename(name) => end(before, &name.ident.to_string(), &name.rename.to_string(), leaf),
    }
}

fn end(before: &Names, name: &str, known_as: &str, leaf: &mut impl FnMut(Names, String)) {
    let mut path = before.clone();
    if name != "self" {
        path.push(name.to_owned());
    }
    let known_as =
        if known_as == "self" { path.last().cloned().unwrap_or_default() } else { known_as.to_owned() };
    leaf(path, known_as);
}

/// `path` from the crate's root, as seen from `module`; `None` where it leads into another crate or is no path of a module.
fn absolute(path: &[String], module: &Names, modules: &BTreeMap<Names, usize>) -> Option<Names> {
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module.as_slice(), &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            Some([&module[..module.len().checked_sub(ups)?], &path[ups..]].concat())
        }
        child => {
            let below = [module.as_slice(), &[child.to_owned()]].concat();
            modules.contains_key(&below).then(|| [module.as_slice(), path].concat())
        }
    }
}

type Exports = BTreeMap<(Names, String), Names>;

/// The re-exports of each module, and their sources.
fn exports(parsed: &[(String, Names, syn::File)], modules: &BTreeMap<Names, usize>) -> Exports {
    let mut exports = Exports::new();
    for (_, module, tree) in parsed {
        for item in &tree.items {
            let syn::Item::Use(item) = item else { continue };
            if matches!(item.vis, syn::Visibility::Inherited) {
                continue;
            }
            leaves(&item.tree, &mut Names::new(), &mut |path, known_as| {
                if let Some(names) = absolute(&path, module, modules) {
                    exports.insert((module.clone(), known_as), names);
                }
            });
        }
    }
    exports
}

/// Follows re-exports to where the name is defined. `None` for the crate's root.
fn defined(mut names: Names, modules: &BTreeMap<Names, usize>, exports: &Exports) -> Option<Names> {
    for _ in 0..8 {
        let len = (0..=names.len()).rev().find(|len| modules.contains_key(&names[..*len]))?;
        let Some(name) = names.get(len) else { break };
        let Some(target) = exports.get(&(names[..len].to_vec(), name.clone())) else { break };
        names = [target.as_slice(), &names[len + 1..]].concat();
    }
    (!names.is_empty()).then_some(names)
}
