//! A disk in memory that fails on request.
