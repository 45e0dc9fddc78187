//! The kinds of flows, of contacts and of occasions on which a flow runs.

use std::fmt;

/// What a flow is for. It decides which blocks may do something in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowType {
    /// Inbound: what a contact meets first.
    Contact,
    /// What a waiting customer hears.
    CustomerQueue,
    /// What a customer on hold hears.
    CustomerHold,
    /// What the customer hears just before the agent joins.
    CustomerWhisper,
    /// What the agent hears just before the customer joins.
    AgentWhisper,
    /// What an agent on hold hears.
    AgentHold,
    /// What the customer of an outbound call hears first.
    OutboundWhisper,
    /// A transfer to an agent.
    AgentTransfer,
    /// A transfer to a queue.
    QueueTransfer,
    /// After the agent has left.
    Disconnect,
}

impl FlowType {
    /// Every type.
    pub const ALL: [FlowType; 10] = [
        FlowType::Contact,
        FlowType::CustomerQueue,
        FlowType::CustomerHold,
        FlowType::CustomerWhisper,
        FlowType::AgentWhisper,
        FlowType::AgentHold,
        FlowType::OutboundWhisper,
        FlowType::AgentTransfer,
        FlowType::QueueTransfer,
        FlowType::Disconnect,
    ];

    /// The name in the contact API.
    pub const fn as_str(self) -> &'static str {
        match self {
            FlowType::Contact => "CONTACT_FLOW",
            FlowType::CustomerQueue => "CUSTOMER_QUEUE",
            FlowType::CustomerHold => "CUSTOMER_HOLD",
            FlowType::CustomerWhisper => "CUSTOMER_WHISPER",
            FlowType::AgentWhisper => "AGENT_WHISPER",
            FlowType::AgentHold => "AGENT_HOLD",
            FlowType::OutboundWhisper => "OUTBOUND_WHISPER",
            FlowType::AgentTransfer => "AGENT_TRANSFER",
            FlowType::QueueTransfer => "QUEUE_TRANSFER",
            FlowType::Disconnect => "DISCONNECT",
        }
    }

    /// The type of that name: as the contact API writes it (`CONTACT_FLOW`) or as an export does (`contactFlow`).
    pub fn from_name(name: &str) -> Option<FlowType> {
        let plain = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_ascii_lowercase()
        };
        let wanted = plain(name);
        FlowType::ALL.into_iter().find(|kind| plain(kind.as_str()) == wanted)
    }

    /// Whether the blocks Start and Stop media streaming work in it: never in hold flows.
    pub const fn may_stream(self) -> bool {
        match self {
            FlowType::Contact
            | FlowType::CustomerQueue
            | FlowType::CustomerWhisper
            | FlowType::AgentWhisper
            | FlowType::OutboundWhisper
            | FlowType::AgentTransfer
            | FlowType::QueueTransfer => true,
            FlowType::CustomerHold | FlowType::AgentHold | FlowType::Disconnect => false,
        }
    }

    /// Whether a contact may be routed in it: inbound and transfer flows.
    pub const fn may_route(self) -> bool {
        match self {
            FlowType::Contact
            | FlowType::AgentTransfer
            | FlowType::QueueTransfer
            | FlowType::Disconnect => true,
            FlowType::CustomerQueue
            | FlowType::CustomerHold
            | FlowType::CustomerWhisper
            | FlowType::AgentWhisper
            | FlowType::AgentHold
            | FlowType::OutboundWhisper => false,
        }
    }

    /// Whether prompts may loop in it: where somebody waits.
    pub const fn may_loop_prompts(self) -> bool {
        matches!(self, FlowType::CustomerQueue | FlowType::CustomerHold | FlowType::AgentHold)
    }

    /// Whether keys are gathered in it.
    pub const fn may_gather(self) -> bool {
        self.may_route() || matches!(self, FlowType::CustomerQueue)
    }
}

impl fmt::Display for FlowType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By what a contact reaches us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A call.
    #[default]
    Voice,
    /// Text.
    Chat,
    /// Work that is handed to an agent, without a customer on the line.
    Task,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 3] = [Channel::Voice, Channel::Chat, Channel::Task];

    /// The name in the contact API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Voice => "VOICE",
            Channel::Chat => "CHAT",
            Channel::Task => "TASK",
        }
    }
}

/// An occasion on which a flow runs for a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// The agent is put on hold.
    AgentHold,
    /// An agent is about to join.
    AgentWhisper,
    /// The customer is put on hold.
    CustomerHold,
    /// The customer waits in a queue.
    CustomerQueue,
    /// The customer is about to be joined.
    CustomerWhisper,
    /// The agent has left and the customer is still there.
    CustomerRemaining,
}

impl Hook {
    /// Every occasion.
    pub const ALL: [Hook; 6] = [
        Hook::AgentHold,
        Hook::AgentWhisper,
        Hook::CustomerHold,
        Hook::CustomerQueue,
        Hook::CustomerWhisper,
        Hook::CustomerRemaining,
    ];

    /// The name in a document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Hook::AgentHold => "AgentHold",
            Hook::AgentWhisper => "AgentWhisper",
            Hook::CustomerHold => "CustomerHold",
            Hook::CustomerQueue => "CustomerQueue",
            Hook::CustomerWhisper => "CustomerWhisper",
            Hook::CustomerRemaining => "CustomerRemaining",
        }
    }

    /// The occasion of that name.
    pub fn from_name(name: &str) -> Option<Hook> {
        Hook::ALL.into_iter().find(|hook| hook.as_str() == name)
    }
}
