//! Where every sample of a track went.
