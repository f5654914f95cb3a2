//! A player's session: it knows where its player is, looks at the regions around, and keeps what they show of themselves.

use std::sync::Arc;

use hippodrome::{Actor, Context};
use parking_lot::Mutex;

use crate::ground::{Place, REGIONS, Regions, each};
use crate::holding::Peers;
use crate::interest::Change;
use crate::region::RegionMsg;

/// What a session understands.
pub(crate) enum SessionMsg {
    /// These are the regions.
    Begin(Arc<Peers>),
    /// The player is here.
    Here(Place),
    /// What has changed in sight, as far as one region goes, since its last update of this time.
    Update { region: usize, time: u32, changes: Box<[Change]> },
}

/// Who is in sight: numbers in order, each with the regions that show it. While an entity is handed over, both may, or
/// neither.
pub(crate) type View = Vec<(u32, Regions)>;

pub(crate) struct Session {
    player: u32,
    peers: Option<Arc<Peers>>,
    watched: Regions,
    /// Which time it is that each region is watched. What comes from an earlier time is out of date.
    times: [u32; REGIONS],
    view: View,
    /// Where the view is left for the count at the end.
    result: Arc<Mutex<View>>,
}

impl Session {
    pub(crate) fn new(player: u32, result: Arc<Mutex<View>>) -> Self {
        Self { player, peers: None, watched: 0, times: [0; REGIONS], view: View::new(), result }
    }

    /// Watches the regions that the player sees from here, and no others.
    fn look_from(&mut self, place: Place, ctx: &mut Context<'_, SessionMsg>) {
        let Some(peers) = &self.peers else { return };
        let in_sight = place.in_sight();
        for region in each(self.watched & !in_sight) {
            ctx.tell(peers.regions[region], RegionMsg::Unwatch { player: self.player });
        }
        for region in each(in_sight & !self.watched) {
            self.times[region] += 1;
        }
        for region in each(in_sight) {
            let watch = RegionMsg::Watch { player: self.player, time: self.times[region], place };
            ctx.tell(peers.regions[region], watch);
        }
        if self.watched != in_sight {
            self.watched = in_sight;
            self.view.retain_mut(|(_, shown)| {
                *shown &= in_sight;
                *shown != 0
            });
        }
    }

    fn update(&mut self, region: usize, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Entered(number, _) | Change::Moved(number, _) => {
                    match self.view.binary_search_by_key(&number, |(number, _)| *number) {
                        Ok(index) => self.view[index].1 |= 1 << region,
                        Err(index) => self.view.insert(index, (number, 1 << region)),
                    }
                }
                Change::Left(number) => {
                    if let Ok(index) = self.view.binary_search_by_key(&number, |(number, _)| *number) {
                        self.view[index].1 &= !(1 << region);
                        if self.view[index].1 == 0 {
                            self.view.remove(index);
                        }
                    }
                }
            }
        }
    }
}

impl Actor for Session {
    type Msg = SessionMsg;

    fn handle(&mut self, msg: SessionMsg, ctx: &mut Context<'_, SessionMsg>) {
        match msg {
            SessionMsg::Begin(peers) => self.peers = Some(peers),
            SessionMsg::Here(place) => self.look_from(place, ctx),
            SessionMsg::Update { region, time, changes } => {
                if self.watched & 1 << region != 0 && self.times[region] == time {
                    self.update(region, &changes);
                }
            }
        }
    }

    fn stopped(&mut self, _: &mut Context<'_, SessionMsg>) {
        *self.result.lock() = std::mem::take(&mut self.view);
    }
}
