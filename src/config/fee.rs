//! From where a venue takes its fees, as the configuration says it.
//!
//! A line belongs here if it is about the key `fee_taken`.

use rutter_core::input::FeeTaken;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From where a venue takes the fee of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeeSource {
    /// From the quote asset: a buy locks its value with the fee on top.
    #[default]
    Quote,
    /// From the asset that the execution brings: a buy locks its value and gets less of the base
    /// asset.
    Received,
    /// From a third asset, such as the venue's own token: a buy locks its value.
    Other,
}

impl From<FeeSource> for FeeTaken {
    fn from(source: FeeSource) -> Self {
        match source {
            FeeSource::Quote => Self::Quote,
            FeeSource::Received => Self::Received,
            FeeSource::Other => Self::Other,
        }
    }
}
