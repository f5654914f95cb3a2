//! A method that is a message.

use syn::ext::IdentExt;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, ImplItemFn, Pat, PatType, PathArguments, PathSegment, ReceiverKind,
    ReturnType, Safety, Type, Visibility,
};

use crate::errors::Errors;
use crate::owned;

/// What a method takes behind `self`.
pub(crate) enum Argument {
    /// The context of the call.
    Context,
    /// A field of the message.
    Field(Ident, Type),
    /// The reply, with what it takes; a field of the message too.
    Reply(Ident, Type),
}

/// How a method answers.
pub(crate) struct Answer {
    /// The field of the message with the reply.
    pub(crate) field: Ident,
    pub(crate) ty: Type,
    pub(crate) is_returned: bool,
}

/// A method that is a message.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) variant: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) answer: Option<Answer>,
}

impl Method {
    /// Reads a method.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn read(function: &ImplItemFn) -> syn::Result<Self> {
        let mut errors = Errors::default();
        check_kind(function, &mut errors);
        let arguments = arguments(function, &mut errors);
        let answer = answer(&function.sig.output, &arguments, &mut errors);
        let name = function.sig.ident.clone();
        let variant = variant(&name).unwrap_or_else(|| {
            errors.at(&name, format!("no variant of an enum can be named after `{name}`"));
            name.clone()
        });
        errors.finish()?;
        let visibility = function.vis.clone();
        let (docs, conditions) = (named("doc", &function.attrs), named("cfg", &function.attrs));
        Ok(Self { name, variant, visibility, docs, conditions, arguments, answer })
    }

    /// The fields of the message without the reply: what the client takes.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Field(name, ty) => Some((name, ty)),
            Argument::Context | Argument::Reply(..) => None,
        })
    }

    /// The types in the message.
    pub(crate) fn types(&self) -> impl Iterator<Item = &Type> {
        self.fields().map(|(_, ty)| ty).chain(self.answer.iter().map(|answer| &answer.ty))
    }

    /// Whether the call needs the context.
    pub(crate) fn uses_context(&self) -> bool {
        self.arguments.iter().any(|argument| matches!(argument, Argument::Context))
            || self.answer.as_ref().is_some_and(|answer| answer.is_returned)
    }

    /// The names of its methods of the client.
    pub(crate) fn client_names(&self) -> Vec<Ident> {
        let mut names = vec![self.name.clone()];
        names.extend(self.answer.as_ref().map(|_| self.then()));
        names
    }

    /// The name of the client's method that asks from a handler.
    pub(crate) fn then(&self) -> Ident {
        Ident::new(&format!("{}_then", self.name.unraw()), self.name.span())
    }
}

/// The attributes with this name.
pub(crate) fn named(name: &str, attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident(name)).cloned().collect()
}

/// The receiver of a method; an associated function has none.
pub(crate) fn receiver(function: &ImplItemFn) -> Option<&syn::Receiver> {
    match function.sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => Some(receiver),
        _ => None,
    }
}

/// Notes what kind of a method cannot be called by the engine.
fn check_kind(function: &ImplItemFn, errors: &mut Errors) {
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        errors.at(asyncness, "a handler cannot wait: ask, and take the answer as a message");
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        errors.at(unsafety, "a message is safe to send: its method cannot be unsafe");
    }
    if !signature.generics.params.is_empty() {
        errors.at(&signature.generics, "a message is of one type: its method has no parameters of its own");
    }
    if let Some(receiver) = receiver(function)
        && !matches!(receiver.kind, ReceiverKind::Reference(_, None, _))
    {
        let why = "an actor outlives each of its messages: take `&self` or `&mut self`, or mark the method `#[skip]`";
        errors.at(receiver, why);
    }
}

/// Reads what a method takes behind `self`.
fn arguments(function: &ImplItemFn, errors: &mut Errors) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let (mut has_context, mut has_reply) = (false, false);
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        let argument = argument(input, errors);
        match argument {
            Some(Argument::Context) if std::mem::replace(&mut has_context, true) => {
                errors.at(input, "a second context: a call has one");
            }
            Some(Argument::Reply(..)) if std::mem::replace(&mut has_reply, true) => {
                errors.at(input, "a second reply: a message is answered once");
            }
            _ => arguments.extend(argument),
        }
    }
    arguments
}

fn argument(input: &PatType, errors: &mut Errors) -> Option<Argument> {
    if is_context(&input.ty) {
        return Some(Argument::Context);
    }
    let name = match &*input.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => Some(pattern.ident.clone()),
        pattern => {
            errors.at(pattern, "a field of the message is named after the argument: name it, and take it apart inside");
            None
        }
    };
    let reply = replied(&input.ty);
    let is_right = owned::check(reply.unwrap_or(&input.ty), errors);
    let name = name.filter(|_| is_right)?;
    Some(match reply {
        Some(ty) => Argument::Reply(name, ty.clone()),
        None => Argument::Field(name, (*input.ty).clone()),
    })
}

/// Reads how a method answers.
fn answer(output: &ReturnType, arguments: &[Argument], errors: &mut Errors) -> Option<Answer> {
    let reply = arguments.iter().find_map(|argument| match argument {
        Argument::Reply(field, ty) => Some(Answer { field: field.clone(), ty: ty.clone(), is_returned: false }),
        _ => None,
    });
    let returned = match output {
        ReturnType::Type(_, ty) if !is_unit(ty) => ty,
        _ => return reply,
    };
    if reply.is_some() {
        errors.at(returned, "an answer is either returned or sent by the reply, not both");
        return None;
    }
    let field = Ident::new("reply", proc_macro2::Span::call_site());
    let is_taken = |argument: &&Argument| matches!(argument, Argument::Field(name, _) if *name == field);
    if let Some(Argument::Field(name, _)) = arguments.iter().find(is_taken) {
        errors.at(name, "the message has a field `reply` for what is returned: name the argument otherwise");
    }
    owned::check(returned, errors);
    Some(Answer { field, ty: (**returned).clone(), is_returned: true })
}

/// Whether this is `&mut Context<'_, M>`.
fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    reference.mutability.is_some() && last_segment(&reference.elem).is_some_and(|segment| segment.ident == "Context")
}

/// What a `Reply<T>` takes, if the type is one.
fn replied(ty: &Type) -> Option<&Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == "Reply")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Whether a result is none.
fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// `SetLimit` for `set_limit`.
fn variant(name: &Ident) -> Option<Ident> {
    let mut camel = String::new();
    for word in name.unraw().to_string().split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    let mut variant = syn::parse_str::<Ident>(&camel).ok()?;
    variant.set_span(name.span());
    Some(variant)
}

/// Reads a method that is called at the start or the end: whether it takes the context.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn read_lifecycle(function: &ImplItemFn) -> syn::Result<bool> {
    let mut errors = Errors::default();
    check_kind(function, &mut errors);
    if receiver(function).is_none() {
        errors.at(&function.sig, "what is called at the start or the end of an actor takes `&self` or `&mut self`");
    }
    let mut contexts = 0;
    for input in &function.sig.inputs {
        match input {
            FnArg::Typed(input) if is_context(&input.ty) && contexts == 0 => contexts += 1,
            FnArg::Typed(input) => {
                errors.at(input, "what is called at the start or the end of an actor takes the context alone");
            }
            FnArg::Receiver(_) => {}
        }
    }
    if let ReturnType::Type(_, ty) = &function.sig.output
        && !is_unit(ty)
    {
        errors.at(ty, "nobody gets what is returned at the start or the end of an actor");
    }
    errors.finish()?;
    Ok(contexts == 1)
}
