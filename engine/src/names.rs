//! Names of actors: unique in an engine, and never looked at on the way of a message.

use std::any::TypeId;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address::{ActorRef, Address};
use crate::sync::RwLock;

struct Named {
    address: Address,
    message: TypeId,
}

/// Who has which name.
#[derive(Default)]
pub(crate) struct Names {
    named: RwLock<FxHashMap<Arc<str>, Named>>,
}

impl Names {
    /// Gives the name to an actor that takes `M`.
    ///
    /// # Errors
    /// Who has it.
    pub(crate) fn claim<M: 'static>(&self, name: &Arc<str>, address: Address) -> Result<(), Address> {
        let mut named = self.named.write();
        if let Some(holder) = named.get(name) {
            return Err(holder.address);
        }
        named.insert(name.clone(), Named { address, message: TypeId::of::<M>() });
        Ok(())
    }

    /// Takes the name back, if the actor has it.
    pub(crate) fn release(&self, name: &Arc<str>, address: Address) {
        let mut named = self.named.write();
        if named.get(name).is_some_and(|holder| holder.address == address) {
            named.remove(name);
        }
    }

    /// The actor with this name, if it takes `M`.
    pub(crate) fn lookup<M: 'static>(&self, name: &str) -> Option<ActorRef<M>> {
        let named = self.named.read();
        let holder = named.get(name).filter(|holder| holder.message == TypeId::of::<M>())?;
        Some(ActorRef::new(holder.address))
    }
}
