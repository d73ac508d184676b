//! Order entry and private reports, one module a venue.
