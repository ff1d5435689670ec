"""Whether a source is the COG asked for already, and copying its bytes where it is. Nothing is encoded here."""
