"""What is done to a published collection: listing, checking, removing, pushing. No job depends on it."""
