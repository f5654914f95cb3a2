//! An actor as its `impl` describes it.

use std::collections::BTreeSet;

use quote::format_ident;
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Attribute, GenericParam, Generics, Ident, ImplItem, ImplItemFn, ItemImpl, Path, Type};

use crate::errors::Errors;
use crate::method::{Method, named, read_lifecycle, receiver};
use crate::options::Options;
use crate::owned::Named;

/// A method that is called at the start or the end.
pub(crate) struct Lifecycle {
    pub(crate) name: Ident,
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) takes_context: bool,
}

/// An actor as its `impl` describes it.
pub(crate) struct Actor {
    pub(crate) name: Ident,
    pub(crate) message: Ident,
    pub(crate) client: Ident,
    pub(crate) engine: Path,
    /// The parameters of the `impl` that the messages name.
    pub(crate) generics: Generics,
    pub(crate) methods: Vec<Method>,
    pub(crate) started: Option<Lifecycle>,
    pub(crate) stopped: Option<Lifecycle>,
}

impl Actor {
    /// Reads the `impl`, and takes the marks off its methods. What is wrong is noted, and left out.
    pub(crate) fn read(options: Options, item: &mut ItemImpl, errors: &mut Errors) -> Option<Self> {
        if let Some((of_trait, _)) = &item.trait_ {
            errors.at(of_trait, "the messages are the methods of an `impl` without a trait; this one is generated");
            return None;
        }
        let Some(name) = name(&item.self_ty) else {
            errors.at(&item.self_ty, "an actor is a type with a name");
            return None;
        };
        if let Some(lifetime) = item.generics.lifetimes().next() {
            errors.at(lifetime, "an actor borrows nothing: it has no lifetimes");
            return None;
        }
        let mut actor = Self {
            message: options.message.unwrap_or_else(|| format_ident!("{name}Msg")),
            client: options.client.unwrap_or_else(|| format_ident!("{name}Client")),
            engine: options.engine.unwrap_or_else(|| syn::parse_quote!(::hippodrome)),
            generics: Generics::default(),
            methods: Vec::new(),
            started: None,
            stopped: None,
            name,
        };
        let mut has_messages = false;
        for item in &mut item.items {
            if let ImplItem::Fn(function) = item {
                has_messages |= actor.take(function, errors);
            }
        }
        if !has_messages {
            errors.at(&item.self_ty, "no message: a method with `&self` or `&mut self` is one");
        }
        actor.check_names(errors);
        actor.generics = named_by_messages(&item.generics, &actor.methods);
        Some(actor)
    }

    /// Takes a function for what it is. Returns whether it is to be a message.
    fn take(&mut self, function: &mut ImplItemFn, errors: &mut Errors) -> bool {
        let mut marks = function.attrs.extract_if(.., |attribute| mark(attribute).is_some());
        let marked = marks.next().and_then(|attribute| mark(&attribute));
        if let Some(second) = marks.next() {
            errors.at(second, "a second mark: a method is skipped, or called at the start, or at the end");
        }
        drop(marks);
        match marked {
            Some(Mark::Skip) => false,
            Some(Mark::Started) => {
                set(&mut self.started, function, "#[started]", errors);
                false
            }
            Some(Mark::Stopped) => {
                set(&mut self.stopped, function, "#[stopped]", errors);
                false
            }
            None if receiver(function).is_none() => false,
            None => {
                match Method::read(function) {
                    Ok(method) => self.methods.push(method),
                    Err(error) => errors.push(error),
                }
                true
            }
        }
    }

    /// Leaves out methods whose names are taken. Of those with a condition only one may exist.
    fn check_names(&mut self, errors: &mut Errors) {
        let mut variants = BTreeSet::new();
        let mut names = BTreeSet::from([format_ident!("actor")]);
        self.methods.retain(|method| {
            if !method.conditions.is_empty() {
                return true;
            }
            let mut is_new = true;
            for name in method.client_names() {
                if !names.insert(name.clone()) {
                    errors.at(&method.name, format!("the client has a method `{name}` already"));
                    is_new = false;
                }
            }
            if is_new && !variants.insert(method.variant.clone()) {
                errors.at(&method.name, format!("the message has a variant `{}` already", method.variant));
                is_new = false;
            }
            is_new
        });
    }
}

enum Mark {
    Skip,
    Started,
    Stopped,
}

fn mark(attribute: &Attribute) -> Option<Mark> {
    let path = attribute.path();
    let is = |name: &str| path.is_ident(name) && matches!(attribute.meta, syn::Meta::Path(_));
    match () {
        () if is("skip") => Some(Mark::Skip),
        () if is("started") => Some(Mark::Started),
        () if is("stopped") => Some(Mark::Stopped),
        () => None,
    }
}

fn set(lifecycle: &mut Option<Lifecycle>, function: &ImplItemFn, mark: &str, errors: &mut Errors) {
    if lifecycle.is_some() {
        return errors.at(&function.sig.ident, format!("a second method is marked `{mark}`: an actor has one"));
    }
    match read_lifecycle(function) {
        Ok(takes_context) => {
            let (name, conditions) = (function.sig.ident.clone(), named("cfg", &function.attrs));
            *lifecycle = Some(Lifecycle { name, conditions, takes_context });
        }
        Err(error) => errors.push(error),
    }
}

/// The type's own name.
fn name(ty: &Type) -> Option<Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.clone()),
        _ => None,
    }
}

/// The parameters that the messages name, with their bounds.
fn named_by_messages(generics: &Generics, methods: &[Method]) -> Generics {
    let all: BTreeSet<Ident> = generics.params.iter().filter_map(parameter).cloned().collect();
    let mut named = Named::new(&all);
    methods.iter().flat_map(Method::types).for_each(|ty| named.visit_type(ty));
    let used = named.seen;
    let is_used = |param: &&GenericParam| parameter(param).is_some_and(|name| used.contains(name));
    let params: Punctuated<_, _> = generics.params.iter().filter(is_used).cloned().collect();
    let mut kept = Generics { params, ..Generics::default() };
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        let mut named = Named::new(&all);
        named.visit_where_predicate(predicate);
        if !named.seen.is_empty() && named.seen.is_subset(&used) {
            kept.make_where_clause().predicates.push(predicate.clone());
        }
    }
    kept
}

/// The name of a parameter that is no lifetime.
fn parameter(param: &GenericParam) -> Option<&Ident> {
    match param {
        GenericParam::Lifetime(_) => None,
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
    }
}
