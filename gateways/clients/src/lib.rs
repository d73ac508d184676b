//! Client gateways: FIX orders in, execution reports out.
