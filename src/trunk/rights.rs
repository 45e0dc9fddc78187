//! What a party may do with calls, be it a user, a peer or a trunk.

/// What a party may do with calls by REFER and Replaces, and what becomes of a REFER to whom it talks with. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferRights {
    /// Whether its REFER is taken.
    pub may_transfer: bool,
    /// Whether its Replaces may name a dialog that is not its own: call pick-up.
    pub may_pick_up: bool,
    /// Who acts on a REFER whose transferee it is.
    pub refer: ReferPolicy,
}

impl TransferRights {
    /// What a user of ours may do unless the configuration says otherwise.
    pub const USER: TransferRights =
        TransferRights { may_transfer: true, may_pick_up: false, refer: ReferPolicy::Handle };
}

/// Who acts on the REFER of a party's opposite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReferPolicy {
    /// We do: the party sees at most a re-INVITE.
    #[default]
    Handle,
    /// The party does: the REFER is passed to it, and its NOTIFYs back.
    Pass,
    /// Nobody: 403.
    Refuse,
}
