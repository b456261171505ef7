//! What all servers offer, merged.
