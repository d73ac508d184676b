//! The workloads of the benchmarks, each written once for criterion and for the ratios.
//!
//! A line belongs here if more than one bench target runs it. A floor stands beside its workload.

#![allow(dead_code, reason = "each bench target runs a part of the workloads")]
#![allow(missing_docs, reason = "read with the benchmarks, linked by nobody")]

pub mod book_json;
pub mod desk;
pub mod fix;
pub mod journal;
pub mod pair;
pub mod rings;
