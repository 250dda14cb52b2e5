//! The doors of the Worker.
