"""One question to one model server: requests, faults, limits, replies, prices, detection."""
