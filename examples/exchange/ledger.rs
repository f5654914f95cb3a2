//! What risk knows of the accounts: what each holds of a symbol, what it has open, and the limits of both.

use crate::order::{Reason, Report, Request, Side};

/// The most lots that an account may have open, on both sides and in all symbols.
pub(crate) const OPEN_LIMIT: u32 = 600;
/// The most lots of a symbol that an account may come to hold or to owe, if all its open orders of one side traded.
pub(crate) const POSITION_LIMIT: i64 = 500;

/// An account in one symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Lots bought less lots sold.
    pub(crate) lots: i64,
    /// Lots in open orders, by side.
    pub(crate) open: [u32; 2],
}

/// All accounts.
#[derive(Debug)]
pub(crate) struct Ledger {
    symbols: usize,
    /// Lots in open orders of each account.
    open: Vec<u32>,
    /// For each account, a position in each symbol.
    positions: Vec<Position>,
}

impl Ledger {
    /// Accounts that hold nothing.
    pub(crate) fn new(accounts: u16, symbols: u16) -> Self {
        let (accounts, symbols) = (usize::from(accounts), usize::from(symbols));
        Self { symbols, open: vec![0; accounts], positions: vec![Position::default(); accounts * symbols] }
    }

    /// Opens the lots of an order, unless that is beyond a limit. A cancel opens nothing, and always may.
    ///
    /// # Errors
    /// The limit; nothing has changed then.
    #[inline]
    pub(crate) fn open(&mut self, request: &Request) -> Result<(), Reason> {
        let lots = request.action.lots();
        if lots == 0 {
            return Ok(());
        }
        let at = self.at(request.account, request.symbol);
        let (open, position) = (&mut self.open[usize::from(request.account)], &mut self.positions[at]);
        let side = request.side as usize;
        let direction = [1, -1][side];
        if *open + lots > OPEN_LIMIT {
            return Err(Reason::OpenLimit);
        }
        if position.lots * direction + i64::from(position.open[side] + lots) > POSITION_LIMIT {
            return Err(Reason::PositionLimit);
        }
        *open += lots;
        position.open[side] += lots;
        Ok(())
    }

    /// Takes down what has traded, and what is no longer open.
    #[inline]
    pub(crate) fn close(&mut self, report: &Report) {
        let lots = report.filled + report.released;
        let at = self.at(report.account, report.symbol);
        let position = &mut self.positions[at];
        let direction = [1, -1][report.side as usize];
        self.open[usize::from(report.account)] -= lots;
        position.open[report.side as usize] -= lots;
        position.lots += direction * i64::from(report.filled);
    }

    #[inline]
    fn at(&self, account: u16, symbol: u16) -> usize {
        usize::from(account) * self.symbols + usize::from(symbol)
    }

    /// The position of an account in a symbol.
    pub(crate) fn position(&self, account: u16, symbol: u16) -> Position {
        self.positions[self.at(account, symbol)]
    }

    /// Accounts that are beyond a limit, or whose open lots are not those of their positions.
    pub(crate) fn wrong_accounts(&self) -> usize {
        let worst = |position: &Position, side: Side| match side {
            Side::Buy => position.lots + i64::from(position.open[0]),
            Side::Sell => i64::from(position.open[1]) - position.lots,
        };
        let accounts = self.open.iter().zip(self.positions.chunks(self.symbols));
        let is_wrong = |(open, positions): &(&u32, &[Position])| {
            let sum: u32 = positions.iter().map(|position| position.open[0] + position.open[1]).sum();
            let beyond = |position| Side::BOTH.iter().any(|side| worst(position, *side) > POSITION_LIMIT);
            **open != sum || **open > OPEN_LIMIT || positions.iter().any(beyond)
        };
        accounts.filter(is_wrong).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Action, What};

    fn order(side: Side, lots: u32) -> Request {
        Request { due_ns: 0, id: 0, action: Action::Market { lots }, account: 1, symbol: 1, side }
    }

    #[test]
    fn an_order_opens_its_lots_and_reports_close_them() {
        let mut ledger = Ledger::new(2, 2);
        let request = order(Side::Sell, 10);
        ledger.open(&request).unwrap();
        assert_eq!(ledger.position(1, 1), Position { lots: 0, open: [0, 10] });
        ledger.close(&Report { filled: 4, released: 6, ..Report::without_trade(&request, What::Ended) });
        assert_eq!(ledger.position(1, 1), Position { lots: -4, open: [0, 0] });
        assert_eq!((ledger.open[1], ledger.wrong_accounts()), (0, 0));
    }

    #[test]
    fn nobody_gets_beyond_a_limit_and_a_refusal_changes_nothing() {
        let mut ledger = Ledger::new(2, 2);
        (0..5).for_each(|_| ledger.open(&order(Side::Buy, 100)).unwrap());
        assert_eq!(ledger.open(&order(Side::Buy, 1)), Err(Reason::PositionLimit));
        ledger.open(&order(Side::Sell, 100)).unwrap();
        assert_eq!(ledger.open(&order(Side::Sell, 1)), Err(Reason::OpenLimit));
        assert_eq!(ledger.position(1, 1), Position { lots: 0, open: [500, 100] });
        // What is held counts against what may be bought.
        ledger.close(&Report { filled: 500, released: 0, ..Report::without_trade(&order(Side::Buy, 1), What::Filled) });
        assert_eq!(ledger.open(&order(Side::Buy, 1)), Err(Reason::PositionLimit));
        ledger.open(&order(Side::Sell, 100)).unwrap();
        assert_eq!(ledger.wrong_accounts(), 0);
        ledger.open[0] = 1;
        assert_eq!(ledger.wrong_accounts(), 1);
    }
}
