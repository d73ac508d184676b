//! Order flow of background participants.
