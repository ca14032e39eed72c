//! What a worker does when what it depends on fails: each fault that deploy/runbook/faults.md describes.

mod codes;
